{{/* What things are called. */}}

{{- define "pinakes.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of the release, and of everything in it that there is one of. */}}
{{- define "pinakes.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "pinakes.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "pinakes.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "pinakes.followerName" -}}
{{- printf "%s-follower" (include "pinakes.fullname" .) -}}
{{- end -}}

{{/* The version, as names may have it. */}}
{{- define "pinakes.versionInNames" -}}
{{- regexReplaceAll "[^a-z0-9]+" (lower .Chart.AppVersion) "-" | trunc 16 | trimAll "-" -}}
{{- end -}}

{{- define "pinakes.image" -}}
{{- $suffix := ternary .Values.trial.tagSuffix "" .Values.metadata.pg.embedded -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) $suffix -}}
{{- end -}}
{{- end -}}

{{/* Labels: of everything, and those by which the pods of the release are found. */}}

{{- define "pinakes.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "pinakes.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | replace "+" "_" | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "pinakes.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pinakes.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The pods of the server: those of the migration and of the doctor are none of a Service. */}}
{{- define "pinakes.serverLabels" -}}
{{ include "pinakes.selectorLabels" . }}
app.kubernetes.io/component: server
{{- end -}}

{{/* Who may come in. */}}

{{- define "pinakes.asksWhoCalls" -}}
{{- if .Values.auth.oidc.issuers }}true{{ end -}}
{{- end -}}

{{/* On loopback, within the pod, until somebody has said who may come in. */}}
{{- define "pinakes.listensOn" -}}
{{- if or (include "pinakes.asksWhoCalls" .) .Values.auth.allowAnonymous }}0.0.0.0{{ else }}127.0.0.1{{ end -}}
{{- end -}}

{{/* The API server shows its keys only to who is known there: then the pod needs its token. */}}
{{- define "pinakes.asksApiServer" -}}
{{- range .Values.auth.oidc.issuers -}}
{{- if hasPrefix "https://kubernetes.default.svc" . }}true{{ end -}}
{{- end -}}
{{- end -}}

{{/* The names that the API may be called by, comma-separated: any other Host header is refused. */}}
{{- define "pinakes.allowedHosts" -}}
{{- $service := include "pinakes.fullname" . -}}
{{- $inNamespace := printf "%s.%s" $service .Release.Namespace -}}
{{- $hosts := list $service $inNamespace (printf "%s.svc" $inNamespace) (printf "%s.svc.%s" $inNamespace .Values.clusterDomain) -}}
{{- if .Values.ingress.enabled -}}
{{- $hosts = concat $hosts .Values.ingress.hosts -}}
{{- end -}}
{{- if .Values.httpRoute.enabled -}}
{{- $hosts = concat $hosts .Values.httpRoute.hostnames -}}
{{- end -}}
{{- concat $hosts .Values.allowedHosts | uniq | join "," -}}
{{- end -}}
