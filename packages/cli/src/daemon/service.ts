import type * as Protocol from "@blockvisor/wire/blockjoy/v1/protocol";
import type * as Archive from "@blockvisor/wire/blockvisor/archive/v1/archive";
import type * as Host from "@blockvisor/wire/blockvisor/host/v1/host";

/**
 * The daemon's service (`host.proto`) in its JSON form. bv and nib speak it without the protobuf runtime, which would take
 * longer to load than most of their commands take to run; proto3 JSON leaves out what is empty, so every field may be absent.
 */
export interface UnaryMethods {
  readonly GetInfo: [Host.GetInfoRequestJson, Host.HostInfoJson];
  readonly GetHostMetrics: [Host.GetHostMetricsRequestJson, Host.HostMetricsJson];
  readonly ListProtocols: [
    Protocol.ProtocolServiceListProtocolsRequestJson,
    Protocol.ProtocolServiceListProtocolsResponseJson,
  ];
  readonly ListArchives: [Archive.ListArchivesRequestJson, Archive.ListArchivesResponseJson];
  readonly ReportHost: [Host.ReportHostRequestJson, Host.ReportHostResponseJson];
  readonly ReloadConfig: [Host.ReloadConfigRequestJson, Host.ReloadConfigResponseJson];
  readonly ListNodes: [Host.ListNodesRequestJson, Host.ListNodesResponseJson];
  readonly GetNode: [Host.GetNodeRequestJson, Host.NodeJson];
  readonly RepairNode: [Host.RepairNodeRequestJson, Host.NodeJson];
  readonly ListTasks: [Host.ListTasksRequestJson, Host.ListTasksResponseJson];
  readonly RunTask: [Host.RunTaskRequestJson, Host.TaskJson];
  readonly DeleteTask: [Host.DeleteTaskRequestJson, Host.DeleteTaskResponseJson];
  readonly GetNodeMetrics: [Host.GetNodeMetricsRequestJson, Host.NodeMetricsJson];
  readonly GetNodeResources: [Host.GetNodeResourcesRequestJson, Host.NodeResourcesJson];
  readonly GetNodeFirewall: [Host.GetNodeFirewallRequestJson, Host.NodeFirewallJson];
  readonly CreateNode: [Host.CreateNodeRequestJson, Host.CreateNodeResponseJson];
  readonly ListCapabilities: [Host.ListCapabilitiesRequestJson, Host.ListCapabilitiesResponseJson];
  readonly RunFunction: [Host.RunFunctionRequestJson, Host.RunFunctionResponseJson];
  readonly RecordPlugin: [Host.RecordPluginRequestJson, Host.RecordPluginResponseJson];
  readonly ReloadPlugin: [Host.ReloadPluginRequestJson, Host.ReloadPluginResponseJson];
  readonly ListJobs: [Host.ListJobsRequestJson, Host.ListJobsResponseJson];
  readonly GetJob: [Host.GetJobRequestJson, Host.JobJson];
  readonly StartJob: [Host.StartJobRequestJson, Host.JobJson];
  readonly StopJob: [Host.StopJobRequestJson, Host.JobJson];
  readonly StopAllJobs: [Host.StopAllJobsRequestJson, Host.StopAllJobsResponseJson];
  readonly SkipJob: [Host.SkipJobRequestJson, Host.JobJson];
  readonly CleanupJob: [Host.CleanupJobRequestJson, Host.JobJson];
  readonly ResetJob: [Host.ResetJobRequestJson, Host.JobJson];
  readonly DeleteJob: [Host.DeleteJobRequestJson, Host.DeleteJobResponseJson];
  readonly GetJobGraph: [Host.GetJobGraphRequestJson, Host.GetJobGraphResponseJson];
  readonly SetJobLimits: [Host.SetJobLimitsRequestJson, Host.JobJson];
}

export interface StreamMethods {
  readonly WatchStatus: [Host.WatchStatusRequestJson, Host.WatchStatusResponseJson];
  readonly CreateDevNode: [Host.CreateDevNodeRequestJson, Host.OperationEventJson];
  readonly StartNode: [Host.StartNodeRequestJson, Host.OperationEventJson];
  readonly StopNode: [Host.StopNodeRequestJson, Host.OperationEventJson];
  readonly RestartNode: [Host.RestartNodeRequestJson, Host.OperationEventJson];
  readonly UpgradeNode: [Host.UpgradeNodeRequestJson, Host.OperationEventJson];
  readonly UpgradeDevNode: [Host.UpgradeDevNodeRequestJson, Host.OperationEventJson];
  readonly DeleteNode: [Host.DeleteNodeRequestJson, Host.OperationEventJson];
  readonly RollbackNode: [Host.RollbackNodeRequestJson, Host.OperationEventJson];
  readonly CloneNode: [Host.CloneNodeRequestJson, Host.OperationEventJson];
  readonly MoveNodeData: [Host.MoveNodeDataRequestJson, Host.OperationEventJson];
  readonly SetNodePorts: [Host.SetNodePortsRequestJson, Host.OperationEventJson];
  readonly OperateArchive: [Host.OperateArchiveRequestJson, Host.ArchiveToolOutputJson];
  readonly ListNodeEvents: [Host.ListNodeEventsRequestJson, Host.NodeEventJson];
  readonly ReadNodeLogs: [Host.ReadNodeLogsRequestJson, Host.NodeLogFileJson];
  readonly StreamJobLogs: [Host.StreamJobLogsRequestJson, Host.JobLogLineJson];
}

/** Both sides speak when they like. */
export interface DuplexMethods {
  readonly OpenShell: [Host.OpenShellRequestJson, Host.OpenShellResponseJson];
}

export type UnaryMethod = keyof UnaryMethods;
export type StreamMethod = keyof StreamMethods;
export type DuplexMethod = keyof DuplexMethods;
