declare const brand: unique symbol;

/** A `Value` that the compiler keeps apart from every other use of the same underlying type. */
export type Brand<Value, Name extends string> = Value & { readonly [brand]: Name };

export type ClusterId = Brand<string, 'ClusterId'>;
export type InstanceId = Brand<string, 'InstanceId'>;
/** The name of an endpoint, unique within its cluster. */
export type EndpointId = Brand<string, 'EndpointId'>;
/** A writer's term of office: 0 before any writer was seen, then one more with each writer. */
export type Epoch = Brand<number, 'Epoch'>;

export const clusterId = (name: string): ClusterId => name as ClusterId;
export const instanceId = (name: string): InstanceId => name as InstanceId;
export const endpointId = (name: string): EndpointId => name as EndpointId;
export const epoch = (term: number): Epoch => term as Epoch;
export const nextEpoch = (term: Epoch): Epoch => (term + 1) as Epoch;
