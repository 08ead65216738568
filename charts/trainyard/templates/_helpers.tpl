{{/* Names and labels. Every object is called <release>-<component>. A longer name is shortened and gets a hash, so that no two
are the same; an installation of an earlier chart, which had no hash, keeps its names. */}}
{{- define "trainyard.name" -}}
{{- $short := .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- if gt (len .Release.Name) 40 -}}
{{- $old := lookup "apps/v1" "Deployment" .Release.Namespace (printf "%s-operator" $short) -}}
{{- if ne (dig "metadata" "annotations" "meta.helm.sh/release-name" "" ($old | default dict)) .Release.Name -}}
{{- $short = printf "%s-%s" (.Release.Name | trunc 31 | trimSuffix "-") (.Release.Name | sha256sum | trunc 8) -}}
{{- end -}}
{{- end -}}
{{- $short -}}
{{- end -}}

{{/* Prefix of objects that belong to no namespace. A namespace with a hyphen is parted from the name by a dot, so that ml-team/x
and ml/team-x differ; an installation of an earlier chart keeps its names. */}}
{{- define "trainyard.clusterName" -}}
{{- $name := include "trainyard.name" . -}}
{{- $plain := printf "%s-%s" .Release.Namespace $name -}}
{{- $binding := lookup "rbac.authorization.k8s.io/v1" "ClusterRoleBinding" "" (printf "%s-operator" $plain) | default dict -}}
{{- $owner := printf "%s/%s" (dig "metadata" "annotations" "meta.helm.sh/release-namespace" "" $binding) (dig "metadata" "annotations" "meta.helm.sh/release-name" "" $binding) -}}
{{- $ours := eq $owner (printf "%s/%s" .Release.Namespace .Release.Name) -}}
{{- if or $ours (and (not $binding) (not (contains "-" .Release.Namespace))) -}}
{{- $plain -}}
{{- else -}}
{{- printf "%s.%s" .Release.Namespace $name -}}
{{- end -}}
{{- end -}}

{{/* Labels of an object: include "trainyard.labels" (dict "root" . "component" "operator") */}}
{{- define "trainyard.labels" -}}
app.kubernetes.io/name: trainyard
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: trainyard
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Labels by which a Service or Deployment finds its pods; never change them. */}}
{{- define "trainyard.selector" -}}
app.kubernetes.io/name: trainyard
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Full image name: include "trainyard.image" (dict "root" . "image" .Values.operator.image) */}}
{{- define "trainyard.image" -}}
{{- printf "%s/%s:%s" .root.Values.image.registry .image.repository (.image.tag | default .root.Chart.AppVersion) -}}
{{- with .image.digest }}{{ printf "@%s" . }}{{ end -}}
{{- end -}}

{{- define "trainyard.claim" -}}
{{- .Values.storage.existingClaim | default (printf "%s-data" (include "trainyard.name" .)) -}}
{{- end -}}

{{/* Whether SQLite's database has a claim of its own. */}}
{{- define "trainyard.ownDatabaseClaim" -}}
{{- if and .Values.database.storage.enabled (not .Values.database.url) }}true{{ end -}}
{{- end -}}

{{- define "trainyard.databaseClaim" -}}
{{- .Values.database.storage.existingClaim | default (printf "%s-database" (include "trainyard.name" .)) -}}
{{- end -}}

{{- define "trainyard.apiKeySecret" -}}
{{- .Values.gateway.apiKey.existingSecret | default (printf "%s-api-key" (include "trainyard.name" .)) -}}
{{- end -}}

{{- define "trainyard.gatewayUrl" -}}
{{- $port := ternary "" (printf ":%d" (int .Values.gateway.service.port)) (eq (int .Values.gateway.service.port) 80) -}}
{{- printf "http://%s-gateway.%s.svc%s" (include "trainyard.name" .) .Release.Namespace $port -}}
{{- end -}}

{{/* All peers except the clouds' metadata servers. */}}
{{- define "trainyard.anywhere" -}}
- ipBlock:
    cidr: 0.0.0.0/0
    except: [169.254.0.0/16]
- ipBlock:
    cidr: ::/0
    except: [fd00:ec2::/32]
{{- end -}}

{{/* The internet: all but private, local and shared networks and those of the cluster. */}}
{{- define "trainyard.internet" -}}
{{- $v4 := list "10.0.0.0/8" "100.64.0.0/10" "127.0.0.0/8" "169.254.0.0/16" "172.16.0.0/12" "192.168.0.0/16" }}
{{- $v6 := list "::1/128" "64:ff9b::/96" "fc00::/7" "fe80::/10" }}
{{- range .Values.networkPolicy.clusterCidrs }}
{{- if contains ":" . }}{{ $v6 = append $v6 . }}{{ else }}{{ $v4 = append $v4 . }}{{ end }}
{{- end }}
- ipBlock:
    cidr: 0.0.0.0/0
    except: {{- toYaml $v4 | nindent 6 }}
- ipBlock:
    cidr: ::/0
    except: {{- toYaml $v6 | nindent 6 }}
{{- end -}}

{{/* Ports of the index of packages. */}}
{{- define "trainyard.indexPorts" -}}
{{- $ports := .Values.environments.egress.ports }}
{{- if not $ports }}
{{- $ports = list 80 443 }}
{{- with .Values.environments.indexUrl }}
{{- $named := regexFind ":[0-9]+$" (urlParse .).host | trimPrefix ":" }}
{{- if $named }}{{ $ports = append $ports (int $named) }}{{ end }}
{{- end }}
{{- end }}
{{- range concat $ports (.Values.networkPolicy.proxyPorts | default list) | uniq }}
- {port: {{ . }}}
{{- end }}
{{- end -}}

{{/* Egress rules of a program that calls the API server. */}}
{{- define "trainyard.toApiServer" -}}
- to: {{- include "trainyard.anywhere" . | nindent 4 }}
  ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - {port: {{ . }}}
    {{- end }}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end -}}

{{/* Refuse invalid combinations that the schema cannot express, and say what to do. */}}
{{- define "trainyard.check" -}}
{{- if and .Values.bot.enabled (not .Values.bot.tokenSecret) -}}
{{- fail "bot.enabled needs bot.tokenSecret: kubectl create secret generic telegram --from-literal=token=<token>" -}}
{{- end -}}
{{- if and .Values.gateway.ingress.enabled (not .Values.gateway.ingress.host) -}}
{{- fail "gateway.ingress.enabled needs gateway.ingress.host" -}}
{{- end -}}
{{- if and .Values.gateway.httpRoute.enabled (not .Values.gateway.httpRoute.parentRefs) -}}
{{- fail "gateway.httpRoute.enabled needs gateway.httpRoute.parentRefs, such as [{name: my-gateway}]" -}}
{{- end -}}
{{- if and (gt (int .Values.gateway.replicas) 1) (not .Values.storage.existingClaim) (ne .Values.storage.accessMode "ReadWriteMany") -}}
{{- fail "gateway.replicas above 1 needs storage.accessMode ReadWriteMany, or a claim of your own in storage.existingClaim" -}}
{{- end -}}
{{- if and .Values.database.storage.enabled .Values.database.url -}}
{{- fail "database.storage is for SQLite; with database.url leave database.storage.enabled false" -}}
{{- end -}}
{{- if .Values.crds.enabled -}}
{{- range $plural := list "trainingsessions" "trainingqueues" -}}
{{- $crd := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" (printf "%s.trainyard.io" $plural) -}}
{{- if $crd -}}
{{- $owner := printf "%s/%s" (dig "metadata" "annotations" "meta.helm.sh/release-namespace" "" $crd) (dig "metadata" "annotations" "meta.helm.sh/release-name" "" $crd) -}}
{{- if ne $owner (printf "%s/%s" $.Release.Namespace $.Release.Name) -}}
{{- fail (printf "the CRD %s is not of this release but of %s (namespace/release): set crds.enabled=false and keep the CRDs up to date there" $crd.metadata.name (ternary "nobody" $owner (eq $owner "/"))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.environments.caConfigMap .Values.environments.caSecret -}}
{{- fail "environments.caConfigMap and environments.caSecret both name certificates: leave one out" -}}
{{- end -}}
{{- if and .Values.audit.kubernetesUsers (semverCompare "<1.36.0-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "audit.kubernetesUsers needs Kubernetes 1.36, and this is %s: leave it false; helm template takes --kube-version" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if gt (int .Values.priority.min) (int .Values.priority.max) -}}
{{- fail "priority.min must not be above priority.max" -}}
{{- end -}}
{{- end -}}
