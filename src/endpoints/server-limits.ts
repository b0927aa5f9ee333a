/** What one server is spared, over all endpoints of its cluster. */
export interface ServerLimits {
  /** Sessions at a time, those that are being opened included, those that wait in line not; null: as many as come. */
  readonly maxSessions: number | null;
  /** Connections to it that are under way at a time, from the dial to its first answer; the rest wait in line. */
  readonly maxConnecting: number;
}
