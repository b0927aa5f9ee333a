/** What one server is spared, over all endpoints of its cluster. */
export interface ServerLimits {
  /** Sessions at a time, those that are being opened included; null: as many as come. */
  readonly maxSessions: number | null;
}
