#ifndef AURELAY_WORKER_H
#define AURELAY_WORKER_H

#include "session.h"

/*
 * A thread with an epoll set of its own. Sessions are in one for all their life.
 *
 * Edge-triggered, and registered for everything once: a transaction costs epoll_wait, recv and send each way and
 * nothing else, and a socket that is broken but may not be read yet makes no noise. The price is that every edge has
 * to be used up or remembered; see `carry` and `ending` in session.c.
 */
struct worker;

struct worker_options {
  const char *name;
  struct patience patience;
  /* Called on the worker's thread with a session that is over: closed, and let go of by the worker. */
  void (*on_over)(void *context, struct session *session);
  void *context;
};

/* NULL, with errno, where there is no thread or no descriptor to be had. */
struct worker *worker_start(const struct worker_options *options);

/* The calls below are for JavaScript's thread alone. */

/*
 * Begins to carry. On failure (no memory in the kernel, too many watches), which errno tells, the session is closed
 * and buried, and its sockets live on only in descriptors that somebody else has.
 */
bool worker_adopt(struct worker *worker, struct session *session);

/* Closes both sockets of a session before it returns, and takes it from the worker. False where it was over already. */
bool worker_abort(struct worker *worker, struct session *session);

/* Hands over a closed session that nobody but the worker may still point to. */
void worker_bury(struct worker *worker, struct session *session);

/* How many sessions it has. */
int worker_load(const struct worker *worker);

/* Ends the thread, and waits for that. */
void worker_stop(struct worker *worker);

/* Frees a stopped worker, and the sessions that are buried with it: that has to be all of them. */
void worker_free(struct worker *worker);

#endif
