import type { EventRow } from './row.ts';

/** Where a rule of the core told of it. */
const byRule = ['phase'] as const;
const receipt = [
  'kind',
  'from',
  'to',
  'duration_seconds',
  'lost',
  'lost_unit',
  'from_position',
  'to_position',
  'refused',
  'attempts',
  'sessions_closed',
  'durability',
] as const;

/** What happens to a cluster. Names are stable: add, never rename. */
export const clusterEvents = {
  'instance.up': {
    level: 'info',
    fields: ['role'],
    when: 'an instance answers, for the first time or again',
  },
  'instance.suspect': {
    level: 'warn',
    fields: ['reason'],
    when: 'a probe failed, fewer than `fall` times in a row',
  },
  'instance.down': {
    level: 'error',
    fields: ['reason'],
    when: '`fall` probes in a row failed',
    alert: 'AurelayInstanceDown',
  },
  'instance.probe-failed': {
    level: 'warn',
    fields: ['reason'],
    when: 'an instance could not be asked for another reason than before; `overloaded` and `denied` mean that it lives',
    alert: 'AurelayProbesNotAnswered',
  },
  'instance.role': {
    level: 'info',
    fields: ['role', 'role_before'],
    when: 'an instance has another role than when it was last seen',
  },
  'instance.drained': {
    level: 'info',
    fields: byRule,
    when: 'an operator drained an instance, or put it back',
  },
  'writer.elected': {
    level: 'info',
    fields: receipt,
    when: 'the first writer of a cluster was found',
  },
  'writer.available': {
    level: 'info',
    fields: byRule,
    when: 'the writer takes writes again, in the same epoch',
  },
  'writer.suspected': {
    level: ['warn', 'error'],
    fields: byRule,
    when: 'the writer does not answer; new writer connections wait',
    alert: 'AurelayNoWriter',
  },
  'writer.cut-off': {
    level: 'error',
    fields: byRule,
    when: 'the writer is silent towards Aurelay and replicas still hear it: nobody is promoted',
    alert: 'AurelayWriterCutOff',
  },
  'writer.demoted': {
    level: 'warn',
    fields: byRule,
    when: 'the writer answers that it takes no writes',
    alert: 'AurelayNoWriter',
  },
  'writer.unfenced': {
    level: 'warn',
    fields: byRule,
    when: 'a writer that a switchover made read-only is opened again',
  },
  'writer.second': {
    level: 'error',
    fields: byRule,
    when: 'another server takes writes beside the writer',
    alert: 'AurelayInstanceDeposed',
  },
  'failover.started': {
    level: ['error', 'warn'],
    fields: byRule,
    when: 'a candidate takes over',
    alert: 'AurelayFailedOver',
  },
  'failover.blocked': {
    level: 'error',
    fields: byRule,
    when: 'the writer is gone and nobody can take over, or not without the risk of losing what was promised',
    alert: 'AurelayNoWriter',
  },
  'failover.completed': {
    level: ['warn', 'info'],
    fields: receipt,
    when: 'there is a new writer',
    alert: 'AurelayFailedOver',
  },
  'promotion.failed': {
    level: ['error', 'warn'],
    fields: byRule,
    when: 'a candidate could not be promoted',
    alert: 'AurelayNoWriter',
  },
  'switchover.started': { level: 'info', fields: byRule, when: 'a living writer hands over' },
  'switchover.undone': {
    level: 'warn',
    fields: [],
    sometimes: [...byRule, 'kind', 'attempts'],
    when: 'a switchover was given up; the old writer stays',
    remedy: 'the message says why; `aurelay switchover --dry-run` says whether it could be done now',
  },
  'sessions.closed': {
    level: 'info',
    fields: ['sessions'],
    when: 'the sessions to an instance were closed',
  },
  'fence.done': {
    level: 'info',
    fields: [],
    when: 'an instance was made read-only and its clients ended',
  },
  'fence.failed': { level: 'warn', fields: [], when: 'an instance could not be made read-only' },
  'replica.astray': {
    level: 'warn',
    fields: byRule,
    when: 'a replica replicates from a server that is not the writer',
  },
  'replica.repointed': { level: 'info', fields: [], when: 'a replica was pointed at the writer' },
  'replica.not-repointed': {
    level: ['warn', 'error'],
    fields: [],
    when: 'a replica could not be pointed at the writer; `warn`: it is a former writer, which is brought back otherwise ([rejoin.md](rejoin.md))',
    alert: 'AurelayReplicaNotReplicating',
  },
  'replica.diverged': {
    level: 'error',
    fields: byRule,
    when: 'a replica has data that the writer lacks, and can never follow it; from here on it is treated as a deposed server',
    alert: 'AurelayInstanceDeposed',
  },
  'copy.sealed': {
    level: 'info',
    fields: ['position'],
    when: 'quorum durability: in a failover, a copy stopped receiving and said what it has',
  },
  'copy.not-sealed': { level: 'warn', fields: [], when: 'it could not be made to' },
  'quorum.set': {
    level: 'info',
    fields: ['copies'],
    when: 'the writer was made to wait for its write quorum, or let off',
  },
  'quorum.not-set': {
    level: 'error',
    fields: [],
    when: 'it could not be',
    alert: 'AurelayDurabilityNotSecured',
  },
  'quorum.lost': {
    level: 'error',
    fields: byRule,
    when: 'too few copies have acknowledged commits for 2 s; commits wait',
    alert: 'AurelayWriteQuorumLost',
  },
  'quorum.regained': { level: 'info', fields: byRule, when: 'enough do again' },
  'durability.secured': {
    level: 'info',
    fields: byRule,
    when: 'every commit that a client was told of is on the write quorum, from here on',
  },
  'durability.broken': {
    level: 'error',
    fields: byRule,
    when: 'the writer was found not to wait as it did; commits may have been acknowledged unprotected',
    alert: 'AurelayDurabilityNotSecured',
  },
  'durability.degraded': {
    level: 'error',
    fields: byRule,
    when: '`on_lost_quorum: degrade`: commits go on unprotected',
    alert: 'AurelayDurabilityDegraded',
  },
  'durability.dropped': {
    level: 'warn',
    fields: byRule,
    when: 'the configuration says `async` now, and the writer was let off',
  },
  'durability.lowered': {
    level: 'warn',
    fields: byRule,
    when: 'a reload left fewer copies, or has the writer wait for fewer: until more have them, commits that were acknowledged are on fewer copies',
  },
  'config.reloaded': {
    level: 'info',
    fields: [],
    sometimes: byRule,
    when: 'another configuration is in force for the cluster; the message says what changed, never a value ([reload.md](reload.md))',
  },
  'deposed.writable': {
    level: 'error',
    fields: byRule,
    when: 'a deposed writer takes writes; it is made read-only',
    alert: 'AurelayInstanceDeposed',
  },
  'deposed.rejoined': {
    level: 'info',
    fields: byRule,
    when: 'a deposed writer replicates from the current one',
  },
  'deposed.quarantined': {
    level: 'warn',
    fields: byRule,
    when: 'a deposed server stays out, and nobody was named who could bring it back; the message says why it stays out',
    alert: 'AurelayInstanceDeposed',
  },
  'rejoin.started': {
    level: ['info', 'warn'],
    fields: ['reason', 'attempt', 'writer', 'position', 'writer_position', 'diverged', 'lost', 'lost_unit'],
    when: 'a deposed server is being brought back as a replica: what it has and the writer lacks is on record before it is thrown away',
  },
  'rejoin.done': { level: 'info', fields: [], when: 'it was started as a replica' },
  'rejoin.failed': {
    level: 'error',
    fields: [],
    when: 'it could not be; tried again later, after 5 s at first and 5 minutes at most',
    alert: 'AurelayInstanceDeposed',
  },
  'state.not-saved': {
    level: 'error',
    fields: byRule,
    when: '`state_dir` cannot be written; the change of the writer waits for it',
    remedy: 'free the disk, or give Aurelay the right to write there',
  },
  'operator.required': {
    level: 'error',
    fields: byRule,
    when: 'going on could lose data or make two writers; the message says what to do',
    alert: 'AurelayOperatorRequired',
  },
} as const satisfies Readonly<Record<string, EventRow>>;

export type ClusterEventName = keyof typeof clusterEvents;
