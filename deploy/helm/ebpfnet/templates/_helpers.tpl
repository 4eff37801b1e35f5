{{- define "ebpfnet.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "ebpfnet.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "ebpfnet.name" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{- define "ebpfnet.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "ebpfnet.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "ebpfnet.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* The exporter that leads to the back end, and its name. */}}
{{- define "ebpfnet.backend.name" -}}
{{- $o := .Values.otlp -}}
{{- if or $o.endpoint $o.metricsEndpoint $o.logsEndpoint -}}
{{ eq $o.protocol "http" | ternary "otlp_http" "otlp_grpc" }}
{{- else -}}
debug
{{- end -}}
{{- end }}

{{- define "ebpfnet.backend" -}}
{{- $o := .Values.otlp -}}
{{- if or $o.endpoint $o.metricsEndpoint $o.logsEndpoint -}}
{{- with $o.endpoint }}
endpoint: {{ . | quote }}
{{- end }}
{{- with $o.metricsEndpoint }}
metrics_endpoint: {{ . | quote }}
{{- end }}
{{- with $o.logsEndpoint }}
logs_endpoint: {{ . | quote }}
{{- end }}
{{- with $o.headers }}
headers: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $o.tls }}
tls: {{ toYaml . | nindent 2 }}
{{- end }}
{{- else -}}
verbosity: normal
use_internal_logger: false
{{- end -}}
{{- end }}

{{/* What both collectors have: health, own telemetry. */}}
{{- define "ebpfnet.common" -}}
extensions:
  health_check:
    endpoint: ${env:POD_IP}:{{ .Values.healthCheck.port }}
service:
  extensions: [health_check]
  telemetry:
    logs:
      level: {{ .Values.telemetry.logLevel }}
    {{- if .Values.telemetry.metricsPort }}
    metrics:
      level: detailed
      readers: [{pull: {exporter: {prometheus: {host: "${env:POD_IP}", port: {{ .Values.telemetry.metricsPort }}}}}}]
    {{- else }}
    metrics: {level: none}
    {{- end }}
{{- end }}

{{/* The agent's configuration. */}}
{{- define "ebpfnet.agent.config" -}}
{{- $kubernetes := dict "mode" "require" -}}
{{- with .Values.clusterName }}{{ $kubernetes = set $kubernetes "cluster_name" . }}{{ end -}}
{{- $kubernetes = mergeOverwrite $kubernetes (dig "kubernetes" (dict) .Values.receiver) -}}
{{- $receiver := mergeOverwrite (deepCopy .Values.receiver) (dict "kubernetes" $kubernetes) -}}
{{- $exporter := dict -}}
{{- $name := include "ebpfnet.backend.name" . -}}
{{- if .Values.gateway.enabled -}}
{{- $name = "otlp_grpc" -}}
{{- $exporter = dict "endpoint" (printf "%s-gateway.%s.svc:4317" (include "ebpfnet.name" .) .Release.Namespace) "tls" (dict "insecure" true) -}}
{{- else -}}
{{- $exporter = include "ebpfnet.backend" . | fromYaml -}}
{{- end -}}
{{- $pipeline := dict "receivers" (list "ebpfnet") "processors" (list "memory_limiter" "batch") "exporters" (list $name) -}}
{{- $config := dict
  "receivers" (dict "ebpfnet" $receiver)
  "processors" (dict "memory_limiter" .Values.agent.memoryLimiter "batch" (dict))
  "exporters" (dict $name $exporter)
  "service" (dict "pipelines" (dict "metrics" $pipeline "logs" $pipeline)) -}}
{{- toYaml (mergeOverwrite (include "ebpfnet.common" . | fromYaml) $config (deepCopy .Values.agent.config)) -}}
{{- end }}

{{/* The gateway's configuration. */}}
{{- define "ebpfnet.gateway.config" -}}
{{- $name := include "ebpfnet.backend.name" . -}}
{{- $pipeline := dict "receivers" (list "otlp") "processors" (list "memory_limiter" "batch") "exporters" (list $name) -}}
{{- $config := dict
  "receivers" (dict "otlp" (dict "protocols" (dict "grpc" (dict "endpoint" "${env:POD_IP}:4317"))))
  "processors" (dict "memory_limiter" .Values.agent.memoryLimiter "batch" (dict))
  "exporters" (dict $name (include "ebpfnet.backend" . | fromYaml))
  "service" (dict "pipelines" (dict "metrics" $pipeline "logs" $pipeline)) -}}
{{- toYaml (mergeOverwrite (include "ebpfnet.common" . | fromYaml) $config (deepCopy .Values.gateway.config)) -}}
{{- end }}
