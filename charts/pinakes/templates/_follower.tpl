{{/* What the follower may do: see the one secret, and make the other; each in its namespace. */}}

{{/* In the namespace of an operator there may be those of releases of the same name elsewhere. */}}
{{- define "pinakes.followerRoleName" -}}
{{- $from := eq .namespace .root.Release.Namespace | ternary "" (printf "-%s" .root.Release.Namespace) -}}
{{- printf "%s%s-%s" (include "pinakes.followerName" .root) $from .does -}}
{{- end -}}

{{- define "pinakes.followerRole" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ include "pinakes.followerRoleName" . }}
  namespace: {{ .namespace }}
  labels:
    {{- include "pinakes.labels" .root | nindent 4 }}
rules:
  - apiGroups: [""]
    resources: [secrets]
    resourceNames: [{{ .secret }}]
    verbs: [{{ join ", " .verbs }}]
{{- end -}}

{{- define "pinakes.followerRoleBinding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ include "pinakes.followerRoleName" . }}
  namespace: {{ .namespace }}
  labels:
    {{- include "pinakes.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ include "pinakes.followerRoleName" . }}
subjects:
  - kind: ServiceAccount
    name: {{ include "pinakes.followerName" .root }}
    namespace: {{ .root.Release.Namespace }}
{{- end -}}
