#ifndef AURELAY_WATCH_H
#define AURELAY_WATCH_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Follows the packets that a MySQL client sends, and finds a command that begins with KILL; src/engines/mysql/kill-watch.ts
 * is the same in JavaScript, and says why. It reads lengths and the first bytes of commands, and keeps none of them.
 */
struct watch {
  enum { WATCH_NOTHING = 0, WATCH_FROM_START = 1, WATCH_COMMANDS = 2 } state;
  /* Bytes that the packet under way still has. */
  size_t left;
  unsigned char header[4];
  unsigned have;
};

/* Takes the next bytes of the client. True where they are one whole packet, a command that begins with KILL. */
bool watch_sees_kill(struct watch *watch, const unsigned char *bytes, size_t length);

#endif
