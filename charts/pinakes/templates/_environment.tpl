{{/* Where the server listens, what it is called, and what it leaves out. */}}
{{- define "pinakes.serverEnv" -}}
- name: PINAKES_ADMIN_HOST
  value: 0.0.0.0
- name: PINAKES_ADMIN_PORT
  value: "8001"
- name: PINAKES_ALLOWED_HOSTS
  value: {{ include "pinakes.allowedHosts" . }}
{{- if .Values.tls.secret }}
- name: PINAKES_TLS_DIR
  value: /etc/pinakes/tls
{{- end }}
{{- if .Values.metadata.disableRuntimeMetadata }}
- name: DISABLE_RUNTIME_META
  value: "true"
{{- end }}
{{- if .Values.metadata.disableRuntimeWatchers }}
- name: DISABLE_RUNTIME_META_WATCHERS
  value: "true"
{{- end }}
{{- end -}}

{{/* Where the catalogue is, for the server and the doctor. With a trial no METADATA_PG_* is there. */}}
{{- define "pinakes.databaseEnv" -}}
{{- with .Values.metadata.pg -}}
{{- if .embedded -}}
- name: PINAKES_EMBEDDED
  value: "true"
- name: PINAKES_DATA_DIR
  value: /var/lib/pinakes
{{- else if .enabled -}}
- name: METADATA_PG_ENABLED
  value: "true"
- name: METADATA_PG_SECRET_DIR
  value: /etc/pinakes/postgres
{{- if .clientTLSSecret }}
- name: METADATA_PG_CLIENT_TLS_DIR
  value: /etc/pinakes/postgres-client
{{- end }}
{{ include "pinakes.keysEnv" $ }}
{{- else -}}
- name: METADATA_PG_ENABLED
  value: "false"
{{- end }}
{{- end }}
{{- end -}}

{{/* The role that migrates comes in by secrets of its own; what it has none for is the server's. */}}
{{- define "pinakes.migrationEnv" -}}
- name: METADATA_PG_ENABLED
  value: "true"
{{- if .Values.migrations.secret }}
- name: PINAKES_MIGRATE_SECRET_DIR
  value: /etc/pinakes/migrate
{{- else }}
- name: METADATA_PG_SECRET_DIR
  value: /etc/pinakes/postgres
{{- end }}
{{- if .Values.migrations.clientTLSSecret }}
- name: PINAKES_MIGRATE_CLIENT_TLS_DIR
  value: /etc/pinakes/migrate-client
{{- else if .Values.metadata.pg.clientTLSSecret }}
- name: METADATA_PG_CLIENT_TLS_DIR
  value: /etc/pinakes/postgres-client
{{- end }}
{{ include "pinakes.keysEnv" . }}
{{- end -}}

{{/* Where a sandbox has no files in memory, keys are copied to /tmp, which is memory as well. */}}
{{- define "pinakes.keysEnv" -}}
- name: PINAKES_KEYS_ON_DISK
  value: "true"
{{- end -}}

{{/* Who may come in, and what he may do. */}}
{{- define "pinakes.authEnv" -}}
{{- if include "pinakes.asksWhoCalls" . -}}
- name: PINAKES_AUTH
  value: oidc
- name: PINAKES_OIDC_ISSUER
  value: {{ join "," .Values.auth.oidc.issuers | quote }}
- name: PINAKES_OIDC_AUDIENCE
  value: {{ join "," .Values.auth.oidc.audiences | quote }}
{{- if .Values.auth.oidc.caConfigMap }}
- name: PINAKES_OIDC_CA_FILE
  value: /etc/pinakes/oidc-ca/ca.crt
{{- end }}
{{- with .Values.auth.writers }}
- name: PINAKES_WRITERS
  value: {{ join "," . | quote }}
{{- end }}
{{- if .Values.auth.policy.configMap }}
- name: PINAKES_POLICY_FILE
  value: /etc/pinakes/policy/data
{{- end }}
{{- $variables := dict "user" "USERID_CLAIM_KEY" "serviceAccount" "SA_ID_CLAIM_KEY" "groups" "GROUPS_CLAIM_KEY" "name" "USERNAME_CLAIM_KEY" "email" "EMAIL_CLAIM_KEY" }}
{{- range $what, $claim := .Values.auth.claims }}
{{- if $claim }}
- name: {{ index $variables $what }}
  value: {{ $claim | quote }}
{{- end }}
{{- end }}
{{- else -}}
- name: PINAKES_AUTH
  value: none
{{- with .Values.auth.allowAnonymous }}
- name: PINAKES_ALLOW_ANONYMOUS
  value: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Of every container. */}}
{{- define "pinakes.commonEnv" -}}
{{- with .Values.extraCA -}}
{{- if .configMap -}}
- name: PINAKES_EXTRA_CA_FILE
  value: /etc/pinakes/extra-ca/{{ .key }}
{{ end -}}
{{- end -}}
{{- with .Values.extraEnv -}}
{{ toYaml . }}
{{- end -}}
{{- end -}}
