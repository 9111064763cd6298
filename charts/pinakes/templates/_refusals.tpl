{{/* What contradicts itself, or leaves the door open, is not rendered. */}}
{{- define "pinakes.refusals" -}}
{{- $name := include "pinakes.fullname" . -}}
{{- if not (regexMatch "^[a-z][-a-z0-9]*$" $name) -}}
{{- fail (printf "%s is no name for a Service, which has small letters, digits and hyphens, a letter first: set fullnameOverride" $name) -}}
{{- end -}}
{{- include "pinakes.databaseRefusals" . -}}
{{- include "pinakes.followerRefusals" . -}}
{{- include "pinakes.authRefusals" . -}}
{{- include "pinakes.wayInRefusals" . -}}
{{- include "pinakes.repetitionRefusals" . -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" -}}
{{- end -}}
{{- if and .Values.prometheusRule.enabled (not .Values.serviceMonitor.enabled) -}}
{{- fail "prometheusRule.enabled needs serviceMonitor.enabled, which reads what the alerts look at" -}}
{{- end -}}
{{- end -}}

{{- define "pinakes.databaseRefusals" -}}
{{- with .Values.metadata.pg -}}
{{- if and .enabled .embedded -}}
{{- fail "metadata.pg.enabled and metadata.pg.embedded are both true: the catalogue is kept in your PostgreSQL, or for a trial in an embedded one" -}}
{{- end -}}
{{- if and .embedded $.Values.autoscaling.enabled -}}
{{- fail "autoscaling.enabled means nothing with metadata.pg.embedded: a trial has one replica" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "pinakes.followerRefusals" -}}
{{- with .Values.follower -}}
{{- if and .operator (not (and .namespace .secret)) -}}
{{- fail "follower.operator needs follower.namespace and follower.secret: name the operator's secret" -}}
{{- end -}}
{{- if and .operator (not $.Values.metadata.pg.enabled) -}}
{{- fail "follower.operator means nothing without metadata.pg.enabled: nobody would read the copy" -}}
{{- end -}}
{{- if and .operator (eq .namespace $.Release.Namespace) (eq (toString .secret) (toString $.Values.metadata.pg.secret)) -}}
{{- fail "follower.secret is metadata.pg.secret itself: a copy needs another name" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "pinakes.authRefusals" -}}
{{- with .Values.auth -}}
{{- if and .oidc.issuers (not .oidc.audiences) -}}
{{- fail "auth.oidc.audiences is empty: say whom the tokens of auth.oidc.issuers must be for" -}}
{{- end -}}
{{- if and .oidc.issuers .allowAnonymous -}}
{{- fail "auth.allowAnonymous means nothing beside auth.oidc.issuers: callers show tokens, or nobody is asked" -}}
{{- end -}}
{{- if and .writers .policy.configMap -}}
{{- fail "auth.writers and auth.policy.configMap are both set: the policy says it all" -}}
{{- end -}}
{{- if and (or .writers .policy.configMap) (not .oidc.issuers) -}}
{{- fail "auth.writers and auth.policy.configMap need to know who calls: set auth.oidc.issuers and auth.oidc.audiences" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* From outside of the cluster come only callers that are known, by names that are known. */}}
{{- define "pinakes.wayInRefusals" -}}
{{- range $way, $names := dict "ingress" "hosts" "httpRoute" "hostnames" -}}
{{- with index $.Values $way -}}
{{- if and .enabled (not $.Values.auth.oidc.issuers) -}}
{{- fail (printf "%s.enabled without authentication would open the catalogue to everybody outside: set auth.oidc.issuers and auth.oidc.audiences" $way) -}}
{{- end -}}
{{- if and .enabled (not (index . $names)) -}}
{{- fail (printf "%s.%s is empty: name what the API is reached by" $way $names) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (ne .Values.service.type "ClusterIP") (not .Values.auth.oidc.issuers) -}}
{{- fail (printf "service.type %s without authentication would open the catalogue to everybody outside: set auth.oidc.issuers and auth.oidc.audiences" .Values.service.type) -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.parentRefs is empty: name the gateway" -}}
{{- end -}}
{{- end -}}

{{/* Of what is there twice Kubernetes takes the last, or nothing, and says neither. */}}
{{- define "pinakes.repetitionRefusals" -}}
{{- $seen := list -}}
{{- range .Values.extraEnv -}}
{{- if regexMatch (include "pinakes.ownVariables" $) .name -}}
{{- fail (printf "extraEnv sets %s, which the chart sets or leaves out: change the value that says so" .name) -}}
{{- end -}}
{{- if has .name $seen -}}
{{- fail (printf "extraEnv sets %s twice" .name) -}}
{{- end -}}
{{- $seen = append $seen .name -}}
{{- end -}}
{{- range $labels := list "podLabels" "commonLabels" -}}
{{- range $name, $_ := index $.Values $labels -}}
{{- if regexMatch "^(app[.]kubernetes[.]io/(name|instance|component|version|managed-by)|helm[.]sh/chart)$" $name -}}
{{- fail (printf "%s sets %s, which the chart sets, and finds its pods by" $labels $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The variables that values are made into, each of them in some release: a test holds this to them. */}}
{{- define "pinakes.ownVariables" -}}
^(METADATA_PG_.*|DISABLE_RUNTIME_META(_WATCHERS)?|(USERID|SA_ID|GROUPS|USERNAME|EMAIL)_CLAIM_KEY|PINAKES_(ADMIN_HOST|ADMIN_PORT|ALLOWED_HOSTS|ALLOW_ANONYMOUS|AUTH|DATA_DIR|EMBEDDED|EXTRA_CA_FILE|KEYS_ON_DISK|MIGRATE_.*_DIR|OIDC_.*|POLICY_FILE|TLS_DIR|WRITERS))$
{{- end -}}
