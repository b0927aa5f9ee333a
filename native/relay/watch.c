#include "watch.h"

#include <string.h>
#include <strings.h>

#define HEADER_BYTES 4
/* No KILL that JavaScript would act on is longer. */
#define MAX_KILL_BYTES 128

#define COM_QUERY 0x03
#define COM_PROCESS_KILL 0x0c

/* Of the first four bytes of a client's first packet, its capabilities. */
#define CLIENT_COMPRESS 0x20u
#define CLIENT_SSL 0x800u
#define CLIENT_ZSTD 0x4000000u

static unsigned long payload_length(const unsigned char *header) {
  return header[0] | (unsigned long)header[1] << 8 | (unsigned long)header[2] << 16;
}

/* Whether what follows the client's first packet can be read: not in TLS, nor compressed. */
static bool goes_on_in_plain(const unsigned char *bytes, size_t length) {
  if (length < HEADER_BYTES + 4) return false;
  const unsigned char *payload = bytes + HEADER_BYTES;
  unsigned long capabilities =
      payload[0] | (unsigned long)payload[1] << 8 | (unsigned long)payload[2] << 16 | (unsigned long)payload[3] << 24;
  return (capabilities & (CLIENT_COMPRESS | CLIENT_SSL | CLIENT_ZSTD)) == 0;
}

/* Follows the packets' lengths through `bytes`. */
static void follow(struct watch *watch, const unsigned char *bytes, size_t length) {
  size_t at = 0;
  while (at < length) {
    if (watch->left > 0) {
      size_t step = length - at < watch->left ? length - at : watch->left;
      watch->left -= step;
      at += step;
    } else {
      watch->header[watch->have++] = bytes[at++];
      if (watch->have < HEADER_BYTES) continue;
      watch->have = 0;
      watch->left = payload_length(watch->header);
    }
  }
}

static bool is_kill(const unsigned char *packet, size_t length) {
  const unsigned char *payload = packet + HEADER_BYTES;
  size_t size = length - HEADER_BYTES;
  if (payload[0] == COM_PROCESS_KILL) return size == 5;
  if (payload[0] != COM_QUERY) return false;
  /* With CLIENT_QUERY_ATTRIBUTES the statement comes behind the number of attributes, 0, and of sets of them, 1. */
  size_t at = size > 3 && payload[1] == 0 && payload[2] == 1 ? 3 : 1;
  return size >= at + 4 && strncasecmp((const char *)payload + at, "KILL", 4) == 0;
}

bool watch_sees_kill(struct watch *watch, const unsigned char *bytes, size_t length) {
  if (watch->state == WATCH_NOTHING) return false;
  if (watch->state == WATCH_FROM_START) {
    watch->state = goes_on_in_plain(bytes, length) ? WATCH_COMMANDS : WATCH_NOTHING;
    if (watch->state == WATCH_NOTHING) return false;
  }
  bool at_packet = watch->left == 0 && watch->have == 0;
  /* A command is the first packet of its conversation: number 0. */
  if (at_packet && length > HEADER_BYTES && length <= MAX_KILL_BYTES && bytes[3] == 0 &&
      payload_length(bytes) == length - HEADER_BYTES && is_kill(bytes, length)) {
    return true;
  }
  follow(watch, bytes, length);
  return false;
}
