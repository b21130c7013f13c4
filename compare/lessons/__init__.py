"""What can be trained in the page: lessons, the processes that train them, and who waits."""
