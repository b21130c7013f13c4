;; y = W x for every token: sixteen products a step, four rows of W by four numbers of x.
;; Every address is in bytes; `from` is the length of x and `to` that of y, both in whole fours.
(module
  (import "page" "memory" (memory 1))
  (func (export "multiply")
    (param $w i32) (param $x i32) (param $y i32)
    (param $from i32) (param $to i32) (param $tokens i32)
    (local $row i32) (local $end i32) (local $token i32) (local $out i32) (local $next i32)
    (local $w0 i32) (local $w1 i32) (local $w2 i32) (local $w3 i32)
    (local $numbers v128)
    (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (local.set $row (i32.shl (local.get $from) (i32.const 2)))
    (local.set $end (i32.add (local.get $y) (i32.shl (local.get $to) (i32.const 2))))
    (loop $rows ;; four rows of W at a time
      (local.set $token (i32.const 0))
      (local.set $next (local.get $x))
      (local.set $out (local.get $y))
      (loop $all ;; the tokens, while these rows are at hand
        (local.set $w0 (local.get $w))
        (local.set $w1 (i32.add (local.get $w0) (local.get $row)))
        (local.set $w2 (i32.add (local.get $w1) (local.get $row)))
        (local.set $w3 (i32.add (local.get $w2) (local.get $row)))
        (local.set $s0 (v128.const i32x4 0 0 0 0))
        (local.set $s1 (v128.const i32x4 0 0 0 0))
        (local.set $s2 (v128.const i32x4 0 0 0 0))
        (local.set $s3 (v128.const i32x4 0 0 0 0))
        (loop $sum ;; one token's numbers
          (local.set $numbers (v128.load (local.get $next)))
          (local.set $s0 (f32x4.add (local.get $s0)
            (f32x4.mul (local.get $numbers) (v128.load (local.get $w0)))))
          (local.set $s1 (f32x4.add (local.get $s1)
            (f32x4.mul (local.get $numbers) (v128.load (local.get $w1)))))
          (local.set $s2 (f32x4.add (local.get $s2)
            (f32x4.mul (local.get $numbers) (v128.load (local.get $w2)))))
          (local.set $s3 (f32x4.add (local.get $s3)
            (f32x4.mul (local.get $numbers) (v128.load (local.get $w3)))))
          (local.set $next (i32.add (local.get $next) (i32.const 16)))
          (local.set $w1 (i32.add (local.get $w1) (i32.const 16)))
          (local.set $w2 (i32.add (local.get $w2) (i32.const 16)))
          (local.set $w3 (i32.add (local.get $w3) (i32.const 16)))
          (local.set $w0 (i32.add (local.get $w0) (i32.const 16)))
          (br_if $sum (i32.lt_u (local.get $w0) (i32.add (local.get $w) (local.get $row)))))
        ;; The four sums of four lanes, turned so that one addition of lanes makes four numbers of y.
        (local.set $numbers
          (i8x16.shuffle 0 1 2 3 16 17 18 19 8 9 10 11 24 25 26 27
            (local.get $s0) (local.get $s1)))
        (local.set $s1
          (i8x16.shuffle 4 5 6 7 20 21 22 23 12 13 14 15 28 29 30 31
            (local.get $s0) (local.get $s1)))
        (local.set $s0 (f32x4.add (local.get $numbers) (local.get $s1)))
        (local.set $numbers
          (i8x16.shuffle 0 1 2 3 16 17 18 19 8 9 10 11 24 25 26 27
            (local.get $s2) (local.get $s3)))
        (local.set $s3
          (i8x16.shuffle 4 5 6 7 20 21 22 23 12 13 14 15 28 29 30 31
            (local.get $s2) (local.get $s3)))
        (local.set $s2 (f32x4.add (local.get $numbers) (local.get $s3)))
        (v128.store (local.get $out) (f32x4.add
          (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23
            (local.get $s0) (local.get $s2))
          (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31
            (local.get $s0) (local.get $s2))))
        (local.set $out (i32.add (local.get $out) (i32.shl (local.get $to) (i32.const 2))))
        (local.set $token (i32.add (local.get $token) (i32.const 1)))
        (br_if $all (i32.lt_u (local.get $token) (local.get $tokens))))
      (local.set $w (local.get $w3))
      (local.set $y (i32.add (local.get $y) (i32.const 16)))
      (br_if $rows (i32.lt_u (local.get $y) (local.get $end))))))
