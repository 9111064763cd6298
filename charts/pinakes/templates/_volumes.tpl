{{/*
Mounts and volumes. Secrets are mounted whole, so that a rotated one is seen, and readable for the
group of the pod alone.
*/}}

{{/* Of the server and of the doctor. */}}

{{- define "pinakes.databaseMounts" -}}
{{- with .Values.metadata.pg -}}
{{- if .embedded -}}
- name: data
  mountPath: /var/lib/pinakes
{{- else if .enabled -}}
- name: postgres
  mountPath: /etc/pinakes/postgres
  readOnly: true
{{- if .clientTLSSecret }}
- name: postgres-client
  mountPath: /etc/pinakes/postgres-client
  readOnly: true
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "pinakes.databaseVolumes" -}}
{{- with .Values.metadata.pg -}}
{{- if .embedded -}}
- name: data
  persistentVolumeClaim:
    claimName: {{ include "pinakes.fullname" $ }}-data
{{- else if .enabled -}}
{{ include "pinakes.secretVolume" (dict "name" "postgres" "secret" .secret) }}
{{- if .clientTLSSecret }}
{{ include "pinakes.certificateVolume" (dict "name" "postgres-client" "secret" .clientTLSSecret) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "pinakes.migrationMounts" -}}
{{- $pg := .Values.metadata.pg -}}
{{- if .Values.migrations.secret -}}
- name: migrate
  mountPath: /etc/pinakes/migrate
  readOnly: true
{{- else -}}
- name: postgres
  mountPath: /etc/pinakes/postgres
  readOnly: true
{{- end }}
{{- if .Values.migrations.clientTLSSecret }}
- name: migrate-client
  mountPath: /etc/pinakes/migrate-client
  readOnly: true
{{- else if $pg.clientTLSSecret }}
- name: postgres-client
  mountPath: /etc/pinakes/postgres-client
  readOnly: true
{{- end }}
{{- end -}}

{{- define "pinakes.migrationVolumes" -}}
{{- $pg := .Values.metadata.pg -}}
{{- with .Values.migrations.secret -}}
{{ include "pinakes.secretVolume" (dict "name" "migrate" "secret" .) }}
{{- else -}}
{{ include "pinakes.secretVolume" (dict "name" "postgres" "secret" $pg.secret) }}
{{- end }}
{{- if .Values.migrations.clientTLSSecret }}
{{ include "pinakes.certificateVolume" (dict "name" "migrate-client" "secret" .Values.migrations.clientTLSSecret) }}
{{- else if $pg.clientTLSSecret }}
{{ include "pinakes.certificateVolume" (dict "name" "postgres-client" "secret" $pg.clientTLSSecret) }}
{{- end }}
{{- end -}}

{{/* Mounts and volumes of the server alone. */}}

{{- define "pinakes.serverMounts" -}}
{{- with .Values.tls.secret }}
- name: tls
  mountPath: /etc/pinakes/tls
  readOnly: true
{{- end }}
{{- with .Values.auth.policy.configMap }}
- name: policy
  mountPath: /etc/pinakes/policy
  readOnly: true
{{- end }}
{{- with .Values.auth.oidc.caConfigMap }}
- name: oidc-ca
  mountPath: /etc/pinakes/oidc-ca
  readOnly: true
{{- end }}
{{- end -}}

{{- define "pinakes.serverVolumes" -}}
{{- with .Values.tls.secret }}
{{ include "pinakes.secretVolume" (dict "name" "tls" "secret" .) }}
{{- end }}
{{- with .Values.auth.policy.configMap }}
{{ include "pinakes.configMapVolume" (dict "name" "policy" "configMap" .) }}
{{- end }}
{{- with .Values.auth.oidc.caConfigMap }}
{{ include "pinakes.configMapVolume" (dict "name" "oidc-ca" "configMap" .) }}
{{- end }}
{{- end -}}

{{- define "pinakes.commonMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .Values.extraCA.configMap }}
- name: extra-ca
  mountPath: /etc/pinakes/extra-ca
  readOnly: true
{{- end }}
{{- end -}}

{{- define "pinakes.commonVolumes" -}}
- name: tmp
  emptyDir:
    medium: Memory
    sizeLimit: 16Mi
{{- with .Values.extraCA.configMap }}
{{ include "pinakes.configMapVolume" (dict "name" "extra-ca" "configMap" .) }}
{{- end }}
{{- end -}}

{{- define "pinakes.secretVolume" -}}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
{{- end -}}

{{/* Where there is no such secret yet the pod starts all the same, and says so on /readyz. */}}
{{- define "pinakes.certificateVolume" -}}
{{ include "pinakes.secretVolume" . }}
    optional: true
{{- end -}}

{{- define "pinakes.configMapVolume" -}}
- name: {{ .name }}
  configMap:
    name: {{ .configMap }}
    defaultMode: 0440
{{- end -}}
