import type { FieldName, FieldValue } from './fields.ts';
import { type ProcessEventName, processEvents } from './process-events.ts';
import type { EventRow, LineLevel } from './row.ts';

/** As much of a logger as is needed to tell of an event; pino's is one. */
export type LineLogger = Readonly<Record<LineLevel, (fields: object, message: string) => void>>;

type Rows = typeof processEvents;

/** What a line about `Name` has to have, and what it may have. */
export type FieldsOf<Name extends ProcessEventName> = {
  readonly [Field in Rows[Name]['fields'][number]]: FieldValue<Field>;
} & {
  readonly [Field in Sometimes<Rows[Name]>]?: FieldValue<Field> | null | undefined;
};

type Sometimes<Row extends EventRow> = Row extends { readonly sometimes: readonly (infer Field)[] }
  ? Extract<Field, FieldName>
  : never;

/** Asked for only where the event has several. */
type LevelArgument<Name extends ProcessEventName> = Rows[Name]['level'] extends readonly (infer Level)[]
  ? readonly [level: Level]
  : readonly [];

/** The one way to write a line of the log that is about the process, its operators or its clients. */
export function tell<Name extends ProcessEventName>(
  logger: LineLogger,
  name: Name,
  fields: FieldsOf<Name>,
  message: string,
  ...[level]: LevelArgument<Name>
): void {
  const row: EventRow = processEvents[name];
  logger[level === undefined ? onlyLevel(row) : (level as LineLevel)]({ event: name, ...fields }, message);
}

const onlyLevel = ({ level }: EventRow): LineLevel =>
  typeof level === 'string' ? level : (level[0] ?? 'info');
