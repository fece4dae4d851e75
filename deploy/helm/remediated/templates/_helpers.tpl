{{- define "remediated.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}

{{- define "remediated.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "remediated.name" .) }}
{{- end }}

{{- define "remediated.claim" -}}
{{ .Values.persistence.existingClaim | default (include "remediated.name" .) }}
{{- end }}

{{- define "remediated.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "remediated.labels" -}}
{{ include "remediated.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "remediated.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- /* A key of a ConfigMap has no slash. */}}
{{- define "remediated.key" -}}
{{ . | replace "/" "__" }}
{{- end }}

{{- /* What Pod Security "restricted" asks of a pod, and of a container. */}}
{{- define "remediated.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "remediated.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* What the schema cannot say with its reason. */}}
{{- define "remediated.check" -}}
{{- if ne (int .Values.replicas) 1 }}
{{- fail (printf "replicas is %v and must be 1: the journal is SQLite on one volume, which one daemon may write" .Values.replicas) }}
{{- end }}
{{- if not (hasKey .Values.files "remediated.yml") }}
{{- if not .Values.existingConfigMaps }}
{{- fail "files has no remediated.yml, and no existingConfigMaps could have it: print the values with remedy policy values" }}
{{- end }}
{{- end }}
{{- with .Values.rights }}
{{- if or .rbac .fence }}
{{- if ne .namespace $.Release.Namespace }}
{{- fail (printf "rights were printed for the namespace %q and the release is in %q: print the values with remedy policy values --namespace=%s" .namespace $.Release.Namespace $.Release.Namespace) }}
{{- end }}
{{- $account := include "remediated.serviceAccount" $ }}
{{- if ne .serviceAccount $account }}
{{- fail (printf "rights were printed for the ServiceAccount %q and the daemon's is %q: print the values with remedy policy values --service-account=%s" .serviceAccount $account $account) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
