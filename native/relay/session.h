#ifndef AURELAY_SESSION_H
#define AURELAY_SESSION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunk.h"
#include "watch.h"

/*
 * One session: two connected sockets, and what is known about each direction.
 *
 * Who owns what, when:
 * - Whoever holds `lock` owns the two descriptors, and may use or close them. The worker holds it while it carries,
 *   which never blocks and is bounded by a budget, so JavaScript waits for a megabyte to be copied at the most when it
 *   aborts a session.
 * - A descriptor is taken out of the worker's epoll set before it is closed, so no event can come for a number that
 *   somebody else has by then.
 * - The memory belongs to the worker: only it frees a session, after a round of events, and only when JavaScript has
 *   let go of it (`worker_bury`). An event of the same round may still point to it.
 */

enum side { CLIENT = 0, SERVER = 1 };

/* Why it ended, in the order of `closeReasons` in src/proxy/relay/native-relay.ts. */
enum reason { REASON_NONE = 0, CLIENT_CLOSED, SERVER_CLOSED, CLIENT_ERROR, SERVER_ERROR, HELD_BACK };

struct socket_end {
  int fd;
  /* EPOLLRDHUP or worse was seen: reads have to go on to the very end, for no further event will come. */
  bool ending;
  /* It has said its last, or broke. */
  bool heard_end;
  /* It takes nothing any more, because it broke. */
  bool deaf;
  /* It was told that the other side has said its last. */
  bool told_end;
};

struct direction {
  /* Read, and not taken by the receiver: then nothing more is read. NULL nearly always; an idle session has none. */
  struct chunk *waiting;
  /* Carried, from the first byte on; JavaScript reads it at any time. */
  _Atomic uint64_t bytes;
  /* Of those, what the receiver's socket has taken. */
  uint64_t taken;
};

/* How long a side may take nothing, once the other one is gone, before the session is cut. Milliseconds. */
struct patience {
  int64_t after_end;
  int64_t after_error;
};

struct links {
  struct session *before;
  struct session *after;
  bool linked;
};

struct session {
  pthread_mutex_t lock;
  /* Under the lock: */
  struct socket_end ends[2];
  /* By who speaks: `ways[CLIENT]` leads to the server. */
  struct direction ways[2];
  enum reason reason;
  /* What the client says is looked through for a KILL, */
  struct watch watch;
  /* which is held back: nothing else waits, and the session goes back to JavaScript. NULL: none was found. */
  struct chunk *held_back;
  /* The worker has done with it: the descriptors are closed, or wait for JavaScript; the counts are final. */
  bool closed;
  /* Thrown away, because its receiver is gone. */
  uint64_t unheard;
  /* Somebody is waited for until `deadline`; 0: nobody. Milliseconds of the coarse monotonic clock. */
  int64_t deadline;
  int64_t grace;
  enum side awaited;
  uint64_t taken_before;
  int graces;

  /* Of the worker alone: */
  struct links again;
  struct links leaving;

  /* Of JavaScript's thread alone: */
  struct worker *worker;
  uint32_t slot;
  bool let_go;

  /* In the list of ended sessions, or in that of buried ones; never in both. */
  struct session *next;
};

/* What is left to do for the caller, who is the worker. */
enum outcome {
  /* An event will tell when there is more. */
  WAITS,
  /* There is more at once; others first. */
  HAS_MORE,
  /* It is over: close it. */
  OVER,
  /* A command was held back: `session_part`. */
  HAS_HELD_BACK,
};

/*
 * Takes over both descriptors, whatever happens. NULL where memory is out. `user_timeout` is how long sent bytes may stay
 * unacknowledged, in milliseconds; 0: as the system has it.
 */
struct session *session_new(int client_fd, int server_fd, unsigned user_timeout);

/* Nobody may use it any more, nor hold its lock. */
void session_free(struct session *session);

/* Bytes that were read before: they go first. False where memory is out. Before the worker knows the session. */
bool session_preload(struct session *session, enum side from, const void *bytes, size_t length);

/* `events` (epoll) came for `side`. Locked, not closed. `scratch` has CHUNK_BYTES. */
enum outcome session_on_event(struct session *session, enum side side, uint32_t events, unsigned char *scratch,
                              const struct patience *patience, int64_t now);

/* Goes on after HAS_MORE. Locked, not closed. */
enum outcome session_go_on(struct session *session, unsigned char *scratch, const struct patience *patience,
                           int64_t now);

/* The deadline has passed: OVER, or another grace for who has shown progress. Locked, not closed. */
enum outcome session_on_deadline(struct session *session, int64_t now);

/*
 * Closes both sockets. With `reset`, what the server has not taken is thrown away, in the kernel too, and the server
 * gets a TCP reset. Locked.
 */
void session_close(struct session *session, int epoll_fd, bool reset);

/* Takes it from the worker with both sockets open, for JavaScript to go on with. Locked, not closed. */
void session_part(struct session *session, int epoll_fd);

/* Closes the sockets of a parted session that JavaScript wants no more, the server's with a reset. Locked. */
void session_discard(struct session *session);

#endif
