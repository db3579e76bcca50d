{{/* The name of every object of the release. */}}
{{- define "modelward.name" -}}
{{- if contains "modelward" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-modelward" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "modelward.selector" -}}
app.kubernetes.io/name: modelward-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "modelward.labels" -}}
{{ include "modelward.selector" . }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: modelward
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "modelward.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "modelward.name" .) -}}
{{- end -}}

{{- define "modelward.webhookSecret" -}}
{{- .Values.alertmanagerWebhook.existingSecret | default (printf "%s-webhook" (include "modelward.name" .)) -}}
{{- end -}}

{{/* What the operator reads at /etc/modelward/operator.yaml. */}}
{{- define "modelward.settings" -}}
prometheus: {{- toYaml .Values.prometheus | nindent 2 }}
{{- with .Values.prometheusPerNamespace }}
prometheusPerNamespace: {{- toYaml . | nindent 2 }}
{{- end }}
evaluationDelaySeconds: {{ .Values.evaluationDelaySeconds }}
workers: {{ .Values.workers }}
relistMinutes: {{ .Values.relistMinutes }}
images:
  monitor: {{ .Values.images.monitor | quote }}
  fetch: {{ .Values.images.fetch | default .Values.images.monitor | quote }}
  collector: {{ .Values.images.collector | quote }}
  gates: {{ .Values.images.gates | quote }}
{{- if .Values.alertmanagerWebhook.enabled }}
alertmanagerWebhook:
  tokenFile: /etc/modelward/webhook/token
{{- end }}
{{- with .Values.runbookBaseUrl }}
runbookBaseUrl: {{ . | quote }}
{{- end }}
monitoringLabels: {{- toYaml .Values.monitoringLabels | nindent 2 }}
{{- with .Values.namespaces }}
namespaces: {{- toYaml . | nindent 2 }}
{{- end }}
lease:
  namespace: {{ .Release.Namespace }}
  name: {{ include "modelward.name" . }}
  durationSeconds: {{ .Values.lease.durationSeconds }}
  renewDeadlineSeconds: {{ .Values.lease.renewDeadlineSeconds }}
  retryPeriodSeconds: {{ .Values.lease.retryPeriodSeconds }}
httpPort: 8080
alertsPort: 8090
{{- end -}}
