// Names for the types that docs/openapi.json gives.
import type { components } from "../../build/schema";

type Schemas = components["schemas"];

export type LoginInfo = Schemas["LoginInfo"];
export type SsoOffer = Schemas["SsoOffer"];
export type Scope = Schemas["Scope"];
export type SystemInfo = Schemas["SystemInfo"];
export type NodeInfo = Schemas["NodeInfo"];
export type GpuInfo = Schemas["GpuInfo"];
export type QueueInfo = Schemas["QueueInfo"];
export type UsageRow = Required<Schemas["UsageRow"]>;
export type SessionInfo = Schemas["SessionInfo"];
export type SessionsEvent = Schemas["SessionsEvent"];
export type Row = Schemas["SessionTableRow"];
export type Series = Schemas["Series"];
export type Point = Schemas["Point"];
export type Curve = Schemas["Curve"];
export type Comparison = Schemas["Comparison"];
export type History = Schemas["HistoryResponse"];
export type Logs = Schemas["LogsResponse"];
export type LogEntry = Schemas["LogEntry"];
export type Estimate = Schemas["Estimate"];
export type FieldProblem = Schemas["FieldProblem"];
export type Problem = Schemas["ProblemBody"];

export interface Progress {
  epoch?: number;
  epochs?: number;
  step?: number;
  totalSteps?: number;
  percent?: number;
  etaSeconds?: number;
  stepsPerSecond?: number;
  lastCheckpoint?: { step?: number; time?: string };
}

export interface Failure {
  class: string;
  attempt?: number;
  exitCode?: number;
  message?: string;
  hint?: string;
  lastLogLines?: string[];
  time?: string;
}

export interface Condition {
  type: string;
  status: string;
  reason: string;
  message?: string;
  lastTransitionTime: string;
}
