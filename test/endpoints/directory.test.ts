import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clusterId, endpointId } from '../../src/base/brand.ts';
import { Directory } from '../../src/endpoints/directory.ts';
import type { Endpoint } from '../../src/endpoints/endpoint.ts';
import { writer } from './support/view.ts';

const entry = (cluster: string, id: string, changes: Partial<Endpoint> = {}) => ({
  endpoint: writer({ cluster: clusterId(cluster), id: endpointId(id), ...changes }),
});

const names = <Entry extends { endpoint: Endpoint }>(found: Entry | null): string | null =>
  found === null ? null : `${found.endpoint.cluster}/${found.endpoint.id}`;

describe('the endpoints of one listener', () => {
  const orders = entry('orders', 'writer', { hostname: 'writer.orders.example.com' });
  const reader = entry('orders', 'reader', { hostname: 'Reader.Orders.example.com' });
  const shop = entry('shop', 'writer', { hostname: 'shop.example.com' });
  const plain = entry('shop', 'plain');

  it('are found by host name, in any case and with a dot behind it', () => {
    const directory = new Directory([orders, reader, shop]);
    assert.equal(names(directory.withHostname('WRITER.orders.example.com.')), 'orders/writer');
    assert.equal(names(directory.withHostname('reader.orders.example.com')), 'orders/reader');
    for (const other of ['', '.', 'example.com', 'writer.orders.example.com..', 'orders/writer']) {
      assert.equal(directory.withHostname(other), null);
    }
  });

  it('have a default: the only one, the chosen one, the one without a host name, or none', () => {
    const chosen = entry('orders', 'chosen', { hostname: 'c.example.com', default: true });
    assert.equal(names(new Directory([orders]).byDefault), 'orders/writer');
    assert.equal(names(new Directory([orders, plain]).byDefault), 'shop/plain');
    assert.equal(names(new Directory([orders, chosen, plain]).byDefault), 'orders/chosen');
    assert.equal(new Directory([orders, shop]).byDefault, null);
    assert.equal(new Directory([]).byDefault, null);
  });

  it("are called by their own name within the default's cluster, or the only one, and by both names anywhere", () => {
    const all = new Directory([orders, reader, shop, plain]);
    assert.equal(names(all.called('writer')), 'shop/writer');
    assert.equal(all.called('reader'), null);
    assert.equal(names(all.called('orders/reader')), 'orders/reader');
    assert.equal(names(new Directory([orders, reader]).called('reader')), 'orders/reader');
    const homeless = new Directory([orders, reader, shop]);
    assert.equal(homeless.called('reader'), null);
    assert.equal(names(homeless.called('shop/writer')), 'shop/writer');
    for (const other of ['', '/', 'orders/', '/writer', 'orders/writer/', 'constructor', '__proto__']) {
      assert.equal(all.called(other), null, other);
    }
  });
});
