{{/* What the pods of all components have in common. Components are called as their values: operator, gateway, monitor, bot. */}}

{{/* Labels and annotations: include "trainyard.podMetadata" (dict "root" . "component" "gateway" "checksum" "…") */}}
{{- define "trainyard.podMetadata" -}}
{{- $own := index .root.Values .component }}
labels:
  {{- include "trainyard.labels" . | nindent 2 }}
  {{- with $own.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if or .checksum $own.podAnnotations }}
annotations:
  {{- with .checksum }}
  checksum/config: {{ . }}
  {{- end }}
  {{- with $own.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Where the pods may run: include "trainyard.placement" (dict "root" . "component" "gateway") */}}
{{- define "trainyard.placement" -}}
{{- $own := index .root.Values .component }}
{{- with $own.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- else }}
{{- if gt (int $own.replicas) 1 }}
{{ include "trainyard.apart" . }}
{{- end }}
{{- end }}
{{- range $field := list "nodeSelector" "tolerations" "priorityClassName" }}
{{- with index $own $field }}
{{ $field }}: {{ if kindIs "string" . }}{{ . }}{{ else }}{{- toYaml . | nindent 2 }}{{ end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A component's ServiceAccount without a token: include "trainyard.account" (dict "root" . "component" "gateway") */}}
{{- define "trainyard.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "trainyard.name" .root }}-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "trainyard.labels" . | nindent 4 }}
  {{- $annotations := ((index .root.Values .component).serviceAccount).annotations }}
  {{- if or $annotations .keep }}
  annotations:
    {{- if .keep }}
    # Running trainers outlive an uninstall; their tokens need this account, not a new one of its name.
    helm.sh/resource-policy: keep
    {{- end }}
    {{- with $annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}

{{/* Users and groups, those that the cluster does not assign. Values of an older chart have none of them. */}}
{{- define "trainyard.runAs" -}}
{{- $chosen := ternary .Values.runAs (dict "user" 10001 "group" 10001 "fsGroup" 10001) (hasKey .Values "runAs") }}
{{- range $field, $name := dict "runAsUser" "user" "runAsGroup" "group" "fsGroup" "fsGroup" }}
{{- with index ($chosen | default dict) $name }}
{{ $field }}: {{ int64 . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Pod Security `restricted` and a little more: no root, no service links. */}}
{{- define "trainyard.podSecurity" -}}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  {{- include "trainyard.runAs" . | nindent 2 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "trainyard.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* Replicas on different nodes if possible: include "trainyard.apart" (dict "root" . "component" "operator") */}}
{{- define "trainyard.apart" -}}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels: {{- include "trainyard.selector" . | nindent 14 }}
{{- end -}}

{{/* The credentials of the pod's account, for the only container that calls the API server. */}}
{{- define "trainyard.accountVolume" -}}
- name: account
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3600}
      - configMap:
          name: kube-root-ca.crt
          items: [{key: ca.crt, path: ca.crt}]
      - downwardAPI:
          items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]
{{- end -}}

{{- define "trainyard.accountMount" -}}
{name: account, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end -}}

{{/* Probe of a program without a port: it hangs if /tmp/alive is older than these minutes. */}}
{{- define "trainyard.aliveProbes" -}}
startupProbe:
  exec: {command: [test, -f, /tmp/alive]}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
readinessProbe:
  exec: {command: [test, -f, /tmp/alive]}
  periodSeconds: 60
  timeoutSeconds: 10
livenessProbe:
  exec: {command: [sh, -c, 'test "$(find /tmp/alive -mmin -{{ . }})"']}
  periodSeconds: 60
  timeoutSeconds: 10
{{- end -}}
