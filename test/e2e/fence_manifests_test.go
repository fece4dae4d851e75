//go:build e2e

package e2e

// wide gives the account every right there is, so that what refuses it is the
// fence.
const wide = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: wide-NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: ACCOUNT, namespace: NS}]
`

const fencedConfig = `
cluster: prod
policies: [{files: [p.yaml]}]
alertmanagers: [{url: http://localhost:9093}]
`

const fencedPolicies = `
policies:
  - name: web
    when: ['alertname="Web"']
    severity: P3
    mode: act
    target: deployment/NS/web
    steps: [{name: s, do: [{restart: {}}], verify: {all: [{rollout: $target}], within: 3m}}]
  - name: db
    when: ['alertname="DB"']
    severity: P3
    mode: act
    target: statefulset/NS/db
    steps: [{name: s, do: [{restart: {}}], verify: {all: [{rollout: $target}], within: 3m}}]
  - name: agent
    when: ['alertname="Agent"']
    severity: P3
    mode: act
    target: daemonset/NS/agent
    steps: [{name: s, do: [{restart: {}}], verify: {all: [{rollout: $target}], within: 3m}}]
  - name: evict
    when: ['alertname="Evict"']
    per: [pod]
    severity: P3
    mode: act
    target: pod/NS/$pod
    steps: [{name: s, do: [{evict_pod: {}}], verify: {all: [{pods: $target}], within: 3m}}]
  - name: delete
    when: ['alertname="Delete"']
    per: [pod]
    severity: P3
    mode: act
    target: pod/NS/$pod
    steps: [{name: s, do: [{delete_pod: {bypass_pdb: true}}], verify: {all: [{pods: $target}], within: 3m}}]
`

const ownerPolicies = `
policies:
  - name: crashing
    when: ['alertname="Crashing"']
    per: [namespace, pod]
    severity: P3
    mode: act
    target: owner/$namespace/$pod
    steps: [{name: s, do: [{restart: {}}], verify: {all: [{rollout: $target}], within: 3m}}]
`

// bystanders are what the attacks are aimed at, beside the workloads.
const bystanders = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: bystander, namespace: NS}
spec:
  replicas: 0
  selector: {matchLabels: {app: bystander}}
  template: {metadata: {labels: {app: bystander}}, spec: {containers: [{name: c, image: none}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: NS, namespace: kube-system}
spec:
  replicas: 0
  selector: {matchLabels: {app: bystander}}
  template: {metadata: {labels: {app: bystander}}, spec: {containers: [{name: c, image: none}]}}
---
apiVersion: v1
kind: Secret
metadata: {name: s, namespace: NS}
---
apiVersion: v1
kind: Service
metadata: {name: s, namespace: NS}
spec: {selector: {app: x}, ports: [{port: 80}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: c, namespace: NS}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: NS}
spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1Mi}, hostPath: {path: /nowhere}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: b, namespace: NS}
spec: {minAvailable: 1, selector: {matchLabels: {app: bystander}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: h, namespace: NS}
spec: {maxReplicas: 2, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: bystander}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: NS-decoy}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [example.com], apiVersions: [v1], operations: [CREATE], resources: [nothing]}]}
  validations: [{expression: 'true'}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: NS-decoy}
spec: {policyName: NS-decoy, validationActions: [Deny]}
`
