import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { instanceId } from '../../src/base/brand.ts';
import type { ClusterView } from '../../src/cluster/view.ts';
import type { Endpoint } from '../../src/endpoints/endpoint.ts';
import { member, members } from '../../src/endpoints/members.ts';
import { custom, reader, single, viewOf, writer } from './support/view.ts';

const verdicts = (view: ClusterView, endpoint: Endpoint): Record<string, string> =>
  Object.fromEntries(members(view, endpoint).map((m) => [m.instance, m.serves ? m.tier : m.why]));

describe('members of a writer endpoint', () => {
  it('is the writer of the view, in whatever health, and nobody else', () => {
    const view = viewOf(
      { a: { health: 'suspect', role: null, drained: true }, b: {}, c: { role: 'writer' } },
      'a',
    );
    assert.deepEqual(verdicts(view, writer()), { a: 'member', b: 'not the writer', c: 'not the writer' });
  });

  it('is nobody while the view has no writer', () => {
    const view = viewOf({ a: { role: 'writer' }, b: {} }, null);
    assert.deepEqual(verdicts(view, writer()), { a: 'not the writer', b: 'not the writer' });
  });
});

describe('members of a reader endpoint', () => {
  it('says of each instance why it does not serve', () => {
    const view = viewOf(
      {
        w: {},
        good: {},
        drained: { drained: true },
        deposed: { deposed: true },
        suspect: { health: 'suspect' },
        down: { health: 'down', role: null },
        unknown: { health: 'unknown', role: null },
        stale: { role: null },
        rogue: { role: 'writer' },
        stopped: { replicating: false, lagSeconds: null },
        behind: { lagSeconds: 5.001 },
        mute: { lagSeconds: null },
        limit: { lagSeconds: 5 },
      },
      'w',
    );
    assert.deepEqual(verdicts(view, reader({ maxLagMs: 5000 })), {
      w: 'is the writer',
      good: 'member',
      drained: 'drained',
      deposed: 'deposed',
      suspect: 'unhealthy',
      down: 'unhealthy',
      unknown: 'unhealthy',
      stale: 'no fresh role',
      rogue: 'not a replica',
      stopped: 'not replicating',
      behind: 'lagging',
      mute: 'lag unknown',
      limit: 'member',
    });
  });

  it('does not mind lag without a limit', () => {
    const view = viewOf({ w: {}, a: { lagSeconds: 1e6 }, b: { lagSeconds: null } }, 'w');
    assert.deepEqual(verdicts(view, reader()), { w: 'is the writer', a: 'member', b: 'member' });
  });

  it('falls back to the writer of the view only where that is configured, and never to a drained one', () => {
    const view = viewOf({ w: {}, a: { role: 'writer' } }, 'w');
    assert.deepEqual(verdicts(view, reader({ fallback: 'writer' })), { w: 'fallback', a: 'not a replica' });
    const drained = viewOf({ w: { drained: true } }, 'w');
    assert.deepEqual(verdicts(drained, reader({ fallback: 'writer' })), { w: 'is the writer' });
  });
});

describe('members of a custom endpoint', () => {
  const view = viewOf(
    {
      w: { tags: { size: 'large' } },
      a: { tags: { size: 'large', disk: 'ssd' } },
      b: { tags: { size: 'small' } },
    },
    'w',
  );

  it('are listed, all but those listed, or those with every tag', () => {
    const a = instanceId('a');
    assert.deepEqual(verdicts(view, custom({ members: { kind: 'static', instances: [a] } })), {
      w: 'not a member',
      a: 'member',
      b: 'not a member',
    });
    assert.deepEqual(verdicts(view, custom({ members: { kind: 'excluded', instances: [a] } })), {
      w: 'is the writer',
      a: 'not a member',
      b: 'member',
    });
    assert.deepEqual(
      verdicts(view, custom({ members: { kind: 'tags', tags: { size: 'large', disk: 'ssd' } } })),
      {
        w: 'not a member',
        a: 'member',
        b: 'not a member',
      },
    );
  });

  it('may be of any role, which takes in the writer of the view but no other writable server', () => {
    const two = viewOf({ w: {}, a: {}, rogue: { role: 'writer' } }, 'w');
    assert.deepEqual(verdicts(two, custom({ roles: 'any' })), {
      w: 'member',
      a: 'member',
      rogue: 'not a replica',
    });
  });

  it('falls back to a writer that is no member', () => {
    const members = { kind: 'static', instances: [instanceId('a')] } as const;
    assert.equal(verdicts(view, custom({ members, fallback: 'writer' })).w, 'fallback');
  });
});

describe('members of an instance endpoint', () => {
  it('is that instance while it is healthy, drained or lagging or not', () => {
    const view = viewOf(
      { w: {}, a: { drained: true, replicating: false, lagSeconds: null }, b: { health: 'down' } },
      'w',
    );
    assert.deepEqual(verdicts(view, single('a')), { w: 'not a member', a: 'member', b: 'not a member' });
    assert.equal(verdicts(view, single('w')).w, 'member');
    assert.equal(verdicts(view, single('b')).b, 'unhealthy');
  });

  it('is never a writable server that is not the writer', () => {
    const view = viewOf({ w: {}, a: { role: 'writer', deposed: true }, b: { role: 'writer' } }, 'w');
    assert.equal(verdicts(view, single('a')).a, 'deposed');
    assert.equal(verdicts(view, single('b')).b, 'not the writer');
    const readOnly = viewOf({ w: {}, a: { role: 'replica', deposed: true } }, 'w');
    assert.equal(verdicts(readOnly, single('a')).a, 'member');
  });
});

it('an instance that the cluster does not have is no member', () => {
  const gone = member(viewOf({ w: {} }, 'w'), reader(), instanceId('gone'));
  assert.deepEqual(gone, { instance: 'gone', serves: false, why: 'not a member' });
});
