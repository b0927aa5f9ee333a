#include "session.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* One session's share of a round: then the others of its worker come first. */
#define BUDGET_BYTES (16 * CHUNK_BYTES)
/* Who says this much at a time says more: part of a bulk, not a question or its answer. */
#define BULK_BYTES 4096
/* A server that says more than this to a client that is gone is still busy with a result for it. */
#define MAX_UNHEARD_BYTES (256 * 1024)
/* Stops a peer that crawls along, however often it shows a little progress. */
#define MAX_GRACES 10

static enum side other(enum side side) { return side == CLIENT ? SERVER : CLIENT; }

static void because(struct session *session, enum reason reason) {
  if (session->reason == REASON_NONE) session->reason = reason;
}

/* ---- Beginning and end ---- */

struct session *session_new(int client_fd, int server_fd, unsigned user_timeout) {
  struct session *session = calloc(1, sizeof(struct session));
  if (session == NULL || pthread_mutex_init(&session->lock, NULL) != 0) {
    free(session);
    close(client_fd);
    close(server_fd);
    return NULL;
  }
  session->ends[CLIENT].fd = client_fd;
  session->ends[SERVER].fd = server_fd;
  /* Each segment is one that its sender wanted to be sent. */
  const int on = 1;
  setsockopt(client_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(server_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  /* tcp(7): 0 is the system's default. Keepalive does not look while bytes are under way: this does. */
  setsockopt(client_fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
  setsockopt(server_fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
  return session;
}

void session_free(struct session *session) {
  for (int way = 0; way < 2; way++) chunk_release(session->ways[way].waiting);
  chunk_release(session->held_back);
  pthread_mutex_destroy(&session->lock);
  free(session);
}

bool session_preload(struct session *session, enum side from, const void *bytes, size_t length) {
  if (length == 0) return true;
  struct direction *way = &session->ways[from];
  way->waiting = chunk_copy(bytes, length);
  if (way->waiting == NULL) return false;
  atomic_fetch_add_explicit(&way->bytes, length, memory_order_relaxed);
  return true;
}

/* socket(7), SO_LINGER: with a time of 0, close() discards what is unsent and resets the connection. */
static void reset_on_close(int fd) {
  const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void session_part(struct session *session, int epoll_fd) {
  session->closed = true;
  session->reason = HELD_BACK;
  for (int side = 0; side < 2; side++) epoll_ctl(epoll_fd, EPOLL_CTL_DEL, session->ends[side].fd, NULL);
}

void session_discard(struct session *session) {
  if (session->ends[SERVER].fd < 0) return;
  reset_on_close(session->ends[SERVER].fd);
  for (int side = 0; side < 2; side++) {
    close(session->ends[side].fd);
    session->ends[side].fd = -1;
  }
}

void session_close(struct session *session, int epoll_fd, bool reset) {
  if (session->closed) return;
  session->closed = true;
  if (reset) reset_on_close(session->ends[SERVER].fd);
  for (int side = 0; side < 2; side++) {
    /* Explicitly: a process that is being forked has the descriptor too, and the close alone would not do it then. */
    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, session->ends[side].fd, NULL);
    close(session->ends[side].fd);
    session->ends[side].fd = -1;
    chunk_release(session->ways[side].waiting);
    session->ways[side].waiting = NULL;
  }
}

/* ---- Farewells ---- */

/* From now on `awaited` has to show progress within `grace`, or leave. A shorter grace replaces a longer one. */
static void await(struct session *session, enum side awaited, int64_t grace, int64_t now) {
  if (session->deadline != 0 && session->grace <= grace) return;
  session->awaited = awaited;
  session->grace = grace;
  session->deadline = now + grace;
  session->taken_before = session->ways[other(awaited)].taken;
}

enum outcome session_on_deadline(struct session *session, int64_t now) {
  uint64_t taken = session->ways[other(session->awaited)].taken;
  session->graces += 1;
  if (taken == session->taken_before || session->graces >= MAX_GRACES) return OVER;
  session->taken_before = taken;
  session->deadline = now + session->grace;
  return WAITS;
}

/* ---- Carrying ---- */

/* The connection broke. What it had sent before may still be read. */
static void broke(struct session *session, enum side side) {
  because(session, side == CLIENT ? CLIENT_ERROR : SERVER_ERROR);
  session->ends[side].deaf = true;
  session->ends[side].ending = true;
}

/* Neither side can be helped any more. */
static void give_up(struct session *session) {
  for (int side = 0; side < 2; side++) {
    session->ends[side].heard_end = true;
    session->ends[side].deaf = true;
  }
}

/* Hands bytes to the receiver's socket. Returns how many it took: fewer than `length` where it is full or broke. */
static size_t hand_over(struct session *session, enum side from, const unsigned char *bytes, size_t length) {
  enum side to = other(from);
  size_t done = 0;
  while (done < length) {
    ssize_t sent = send(session->ends[to].fd, bytes + done, length - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      done += (size_t)sent;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      broke(session, to);
      break;
    }
  }
  session->ways[from].taken += done;
  return done;
}

/* Sends what waits. True once nothing does. */
static bool flush(struct session *session, enum side from) {
  struct direction *way = &session->ways[from];
  struct chunk *chunk = way->waiting;
  if (chunk == NULL) return true;
  if (!session->ends[other(from)].deaf) {
    chunk->begin += hand_over(session, from, chunk->bytes + chunk->begin, chunk->end - chunk->begin);
  }
  if (chunk->begin < chunk->end && !session->ends[other(from)].deaf) return false;
  chunk_release(chunk);
  way->waiting = NULL;
  return true;
}

/* Carries `length` bytes that were read. True where more may be read. */
static bool pass_on(struct session *session, enum side from, const unsigned char *bytes, size_t length) {
  struct direction *way = &session->ways[from];
  atomic_fetch_add_explicit(&way->bytes, length, memory_order_relaxed);
  size_t done = hand_over(session, from, bytes, length);
  if (done == length || session->ends[other(from)].deaf) return true;
  way->waiting = chunk_copy(bytes + done, length - done);
  if (way->waiting != NULL) return false;
  /* Out of memory: better a broken session than one with a hole in it. */
  because(session, from == CLIENT ? CLIENT_ERROR : SERVER_ERROR);
  give_up(session);
  return false;
}

/* Throws away what nobody hears. True where more may be read. */
static bool throw_away(struct session *session, enum side from, size_t length) {
  session->unheard += length;
  if (from == CLIENT || session->unheard <= MAX_UNHEARD_BYTES) return true;
  give_up(session);
  return false;
}

/* What it would be held back from has to be nothing but this one command: both sides are there, and nothing waits. */
static bool may_hold_back(const struct session *session) {
  for (int side = 0; side < 2; side++) {
    const struct socket_end *end = &session->ends[side];
    if (end->heard_end || end->deaf || end->told_end || session->ways[side].waiting != NULL) return false;
  }
  return true;
}

/* Keeps a KILL for JavaScript. False where there is none, or it has to go on as it is. */
static bool hold_back(struct session *session, const unsigned char *bytes, size_t length) {
  if (!watch_sees_kill(&session->watch, bytes, length)) return false;
  if (may_hold_back(session)) session->held_back = chunk_copy(bytes, length);
  return session->held_back != NULL;
}

enum reading {
  /* Nothing more can be done now; an event will tell. */
  USED_UP,
  /* The same, but a bulk is under way: it is worth another look once its sender has had the processor. */
  IN_BULK,
  /* There may be more. */
  MAY_GO_ON,
};

static enum reading read_once(struct session *session, enum side from, unsigned char *scratch, size_t *budget) {
  struct socket_end *source = &session->ends[from];
  ssize_t length = recv(source->fd, scratch, CHUNK_BYTES, MSG_DONTWAIT);
  if (length < 0) {
    if (errno == EINTR) return MAY_GO_ON;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return USED_UP;
    broke(session, from);
    source->heard_end = true;
    return USED_UP;
  }
  if (length == 0) {
    because(session, from == CLIENT ? CLIENT_CLOSED : SERVER_CLOSED);
    source->heard_end = true;
    return USED_UP;
  }
  size_t read = (size_t)length;
  *budget -= read < *budget ? read : *budget;
  if (from == CLIENT && hold_back(session, scratch, read)) return USED_UP;
  bool may_read = session->ends[other(from)].deaf ? throw_away(session, from, read)
                                                  : pass_on(session, from, scratch, read);
  if (!may_read) return USED_UP;
  if (read == CHUNK_BYTES || source->ending) return MAY_GO_ON;
  /* epoll(7): less than was asked for means that nothing is left, and that there will be an event when there is. */
  return read >= BULK_BYTES ? IN_BULK : USED_UP;
}

/* Carries until nothing is left, the receiver is full, or the budget is used up. True: look again without an event. */
static bool carry(struct session *session, enum side from, unsigned char *scratch) {
  if (!flush(session, from)) return false;
  size_t budget = BUDGET_BYTES;
  while (!session->ends[from].heard_end) {
    if (budget == 0) return true;
    enum reading reading = read_once(session, from, scratch, &budget);
    if (reading != MAY_GO_ON) return reading == IN_BULK;
  }
  return false;
}

/* Passes on ends, and says whether it is all over. */
static bool conclude(struct session *session, const struct patience *patience, int64_t now) {
  bool over = true;
  for (int from = 0; from < 2; from++) {
    struct socket_end *source = &session->ends[from];
    struct socket_end *target = &session->ends[other(from)];
    if (source->heard_end && session->ways[from].waiting == NULL && !target->told_end && !target->deaf) {
      shutdown(target->fd, SHUT_WR);
      target->told_end = true;
    }
    if (!source->heard_end || !(target->told_end || target->deaf)) over = false;
    if (source->deaf) await(session, other(from), patience->after_error, now);
  }
  /* A database never closes one direction only, so a client that does not react holds on to a dead session. */
  if (session->ends[SERVER].heard_end) await(session, CLIENT, patience->after_end, now);
  return over;
}

static enum outcome settle(struct session *session, bool has_more, const struct patience *patience, int64_t now) {
  if (session->held_back != NULL) return HAS_HELD_BACK;
  if (conclude(session, patience, now)) return OVER;
  return has_more ? HAS_MORE : WAITS;
}

enum outcome session_on_event(struct session *session, enum side side, uint32_t events, unsigned char *scratch,
                              const struct patience *patience, int64_t now) {
  const uint32_t bad = EPOLLERR | EPOLLHUP;
  bool has_more = false;
  struct socket_end *end = &session->ends[side];
  if (events & (EPOLLRDHUP | bad)) end->ending = true;
  /* Not left to the next read: there may be none for long, if the other side takes nothing. */
  if (events & EPOLLERR) broke(session, side);
  if ((events & (EPOLLIN | EPOLLRDHUP | bad)) && session->ways[side].waiting == NULL) {
    has_more = carry(session, side, scratch);
  }
  /* A sender that waits for this side to take something, or that is to learn that it never will. */
  if ((events & (EPOLLOUT | bad)) && session->ways[other(side)].waiting != NULL) {
    has_more = carry(session, other(side), scratch) || has_more;
  }
  return settle(session, has_more, patience, now);
}

enum outcome session_go_on(struct session *session, unsigned char *scratch, const struct patience *patience,
                           int64_t now) {
  bool has_more = carry(session, CLIENT, scratch);
  /* What the server says now could be left waiting here. */
  if (session->held_back == NULL) has_more = carry(session, SERVER, scratch) || has_more;
  return settle(session, has_more, patience, now);
}
