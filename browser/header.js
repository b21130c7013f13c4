// The header of a safetensors file, for all who read one: how long it says it is, and may be.

export const LARGEST_HEADER = 16_000_000; // bytes

/** @param {DataView} file which has its first 8 bytes @returns {number} bytes after these */
export const headerLength = (file) => Number(file.getBigUint64(0, true));
