#!/usr/bin/env bash
# Keeps the configuration of NAMESPACES, encrypted for AGE_RECIPIENT: resources,
# ConfigMaps, Secrets, and the values of Helm's releases. Only who has the key to
# AGE_RECIPIENT can read it, and that key need not be in the cluster.
#
#   CONFIG_DIR      folder in which the backups are kept
#   NAMESPACES      such as "x0tta6bl4 monitoring"
#   RESOURCES       what is kept, beside Helm's values
#   AGE_RECIPIENT   age1..., a public key
#   RETENTION_DAYS  how long; the newest is always kept
set -euo pipefail
umask 077
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need CONFIG_DIR "the folder in which the backups are kept"
need NAMESPACES "the namespaces whose configuration is kept"
need AGE_RECIPIENT "the public key for which it is encrypted, age1...; make one with age-keygen"
: "${RETENTION_DAYS:=30}"
: "${RESOURCES:=deployments.apps statefulsets.apps daemonsets.apps cronjobs.batch services configmaps secrets serviceaccounts roles.rbac.authorization.k8s.io rolebindings.rbac.authorization.k8s.io ingresses.networking.k8s.io networkpolicies.networking.k8s.io persistentvolumeclaims poddisruptionbudgets.policy horizontalpodautoscalers.autoscaling}"
plain=$(mktemp --directory) # in memory, as the manifest has it
name=config-$(date -u +%Y%m%dT%H%M%SZ).tar.gz.age

over() {
  local code=$?
  rm -rf "$plain" "$CONFIG_DIR/.$name"
  [[ $code -ne 0 ]] || return 0
  log_backup Configuration - "$CONFIG_DIR" failed "exit code $code"
  attempted config config 0
}
trap over EXIT

# applicable strips what the API server gives, and what others make anew: so
# what is left can be applied to an empty namespace.
applicable='.items |= map(
  select((.metadata.ownerReferences // []) == [])
  | select(.kind != "ConfigMap" or .metadata.name != "kube-root-ca.crt")
  | select(.kind != "Secret" or .type != "kubernetes.io/service-account-token")
  | del(.status, .metadata.uid, .metadata.resourceVersion, .metadata.creationTimestamp, .metadata.generation, .metadata.managedFields,
        .metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"])
  | if .kind == "Service" and .spec.clusterIP != "None" then del(.spec.clusterIP, .spec.clusterIPs) else . end
  | if .kind == "PersistentVolumeClaim" then del(.spec.volumeName, .metadata.annotations["pv.kubernetes.io/bind-completed"]) else . end)
  | del(.metadata)'

# helm_values keeps what "helm get values" would say. Helm keeps it in Secrets,
# so that neither Helm nor a right that it needs is needed here.
helm_values() {
  local namespace=$1 release data
  kubectl get secrets --namespace="$namespace" --selector=owner=helm,status=deployed --output=json |
    jq --raw-output '.items[] | "\(.metadata.labels.name) \(.data.release)"' >"$plain/releases"
  while read -r release data; do
    base64 --decode <<<"$data" | base64 --decode | gunzip | jq '.config // {}' >"$plain/values/$namespace/$release.json"
  done <"$plain/releases"
  rm "$plain/releases"
}

for namespace in $NAMESPACES; do
  mkdir --parents "$plain/resources/$namespace" "$plain/values/$namespace"
  for resource in $RESOURCES; do
    kubectl get "$resource" --namespace="$namespace" --output=json | jq "$applicable" >"$plain/resources/$namespace/$resource.json"
  done
  helm_values "$namespace"
done
install --directory "$CONFIG_DIR"
tar --create --gzip --directory="$plain" . | age --encrypt --recipient "$AGE_RECIPIENT" --output "$CONFIG_DIR/.$name"
sync "$CONFIG_DIR/.$name"
mv "$CONFIG_DIR/.$name" "$CONFIG_DIR/$name"
(cd "$CONFIG_DIR" && sha256sum "$name" >"$name.sha256" && sha256sum --check --quiet "$name.sha256")
find "$CONFIG_DIR" -maxdepth 1 -name 'config-*.tar.gz.age*' ! -name "$name*" -mtime "+$RETENTION_DAYS" -delete

size=$(stat --format=%s "$CONFIG_DIR/$name")
push backup/config <<END
# TYPE backup_last_success_timestamp_seconds gauge
backup_last_success_timestamp_seconds{type="config"} $(date +%s)
# TYPE backup_last_size_bytes gauge
backup_last_size_bytes{type="config"} $size
END
attempted config config 1
log_backup Configuration "$(bytes "$size")" "$CONFIG_DIR/$name" ok "sha256, $(find "$plain" -type f | wc -l) lists"
