#ifndef AURELAY_RELAY_H
#define AURELAY_RELAY_H

#include "session.h"

/* Workers, and the sessions that JavaScript knows by number. */
struct relay;

struct relay_options {
  /* 1 to MAX_WORKERS; each is started when there is a session for it. */
  int workers;
  struct patience patience;
  /* Of every session's sockets, in milliseconds; 0: as the system has it. */
  unsigned user_timeout;
  /* Called on a worker's thread when the first of one or more sessions is over: `relay_next_over` has them. */
  void (*on_over)(void *context);
  void *context;
};

#define MAX_WORKERS 64

struct over {
  uint32_t slot;
  enum reason reason;
  uint64_t sent;
  uint64_t received;
  /* Of HELD_BACK: both sockets and the command, which are the caller's now. */
  int fds[2];
  struct chunk *held_back;
};

struct bytes {
  const void *data;
  size_t length;
};

/* All calls are for JavaScript's thread. NULL where memory is out. */
struct relay *relay_open(const struct relay_options *options);

/*
 * Carries between two connected sockets, of which it makes descriptors of its own: the caller may close its own then.
 * `watch` (watch.h) says what the client's bytes are looked through for.
 * Returns the session's number, or a negative errno; then nothing was read or written.
 */
int64_t relay_start(struct relay *relay, int client_fd, int server_fd, struct bytes to_server, struct bytes to_client,
                    int watch);

/* What was carried so far. False where there is no such session. */
bool relay_bytes(const struct relay *relay, uint32_t slot, struct over *over);

/*
 * Closes both sockets before it returns, the server's with a reset, and forgets the session; `over` has the final counts,
 * and REASON_NONE unless it had ended by itself. False where there is no such session.
 */
bool relay_abort(struct relay *relay, uint32_t slot, struct over *over);

/* The next session that has ended by itself, which is forgotten with that. False where there is none. */
bool relay_next_over(struct relay *relay, struct over *over);

/* Ends all threads and closes all sessions. */
void relay_close(struct relay *relay);

#endif
