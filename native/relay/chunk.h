#ifndef AURELAY_CHUNK_H
#define AURELAY_CHUNK_H

#include <stddef.h>

/* What one read takes at most, and so what a direction may keep for a receiver that takes no more. */
#define CHUNK_BYTES (64 * 1024)

/* Bytes that wait for their receiver: `bytes[begin]` to `bytes[end - 1]`. */
struct chunk {
  size_t begin;
  size_t end;
  size_t capacity;
  struct chunk *next;
  unsigned char bytes[];
};

/* A copy of `length` bytes, or NULL where memory is out. Any thread. */
struct chunk *chunk_copy(const void *bytes, size_t length);

/* Gives it back. Any thread; NULL is nothing. */
void chunk_release(struct chunk *chunk);

#endif
