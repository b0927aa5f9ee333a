#include "chunk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Of chunks that wait for the next user. More than this go back to the system. */
#define MAX_SPARE 32

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct chunk *spare = NULL;
static int spare_count = 0;

static struct chunk *take_spare(void) {
  pthread_mutex_lock(&lock);
  struct chunk *chunk = spare;
  if (chunk != NULL) {
    spare = chunk->next;
    spare_count -= 1;
  }
  pthread_mutex_unlock(&lock);
  return chunk;
}

struct chunk *chunk_copy(const void *bytes, size_t length) {
  struct chunk *chunk = length <= CHUNK_BYTES ? take_spare() : NULL;
  if (chunk == NULL) {
    size_t capacity = length <= CHUNK_BYTES ? CHUNK_BYTES : length;
    chunk = malloc(sizeof(struct chunk) + capacity);
    if (chunk == NULL) return NULL;
    chunk->capacity = capacity;
  }
  memcpy(chunk->bytes, bytes, length);
  chunk->begin = 0;
  chunk->end = length;
  return chunk;
}

void chunk_release(struct chunk *chunk) {
  if (chunk == NULL) return;
  pthread_mutex_lock(&lock);
  if (chunk->capacity == CHUNK_BYTES && spare_count < MAX_SPARE) {
    chunk->next = spare;
    spare = chunk;
    spare_count += 1;
    chunk = NULL;
  }
  pthread_mutex_unlock(&lock);
  free(chunk);
}
