package webtest

// Postgres is a rulebook of one database: restart it, then go back to the
// previous revision with approval; a second policy only observes, and a third
// has no remedy.
const Postgres = `
policies:
- name: postgres-down
  source: policies/postgres.yaml:3
  when: ['alertname="PostgresDown"']
  per: [namespace]
  severity: P2
  mode: act
  target: deployment/$namespace/db
  guards: {cooldown: 10m, budget: [{actions: 3, per: 1h}], breaker: {failures: 2, reset: 1h}}
  objective: 5m
  steps:
  - name: restart the database
    do: [{kind: restart}]
    verify: {all: [{kind: rollout}, {kind: postgres, args: {dsn_file: db.dsn}}], for: 30s, within: 3m, every: 1s}
- name: shop-slow
  source: policies/shop.yaml:1
  when: ['alertname="ShopSlow"']
  per: [namespace]
  severity: P3
  mode: observe
  target: deployment/$namespace/web
  guards: {breaker: {failures: 2, reset: 1h}}
  steps:
  - name: scale out
    do: [{kind: scale, args: {by: 2}}]
    verify: {all: [{kind: rollout}], within: 3m, every: 1s}
- name: bad-deploy
  source: policies/shop.yaml:14
  when: ['alertname="ErrorsAfterDeploy"']
  per: [namespace]
  severity: P1
  mode: act
  target: deployment/$namespace/web
  guards: {breaker: {failures: 2, reset: 1h}}
  objective: 10m
  steps:
  - name: go back to the previous revision
    approval: {within: 10m}
    do: [{kind: rollback}]
    verify: {all: [{kind: rollout}, {kind: http, args: {url: "http://web.shop.svc/healthz"}}], for: 30s, within: 3m, every: 1s}
- name: region-lost
  source: policies/region.yaml:1
  when: ['alertname="RegionLost"']
  per: [namespace]
  severity: P1
  mode: act
  target: deployment/$namespace/standby
  steps:
  - name: let the standby take over
    approval: {people: 2, within: 10m}
    do: [{kind: restart, verify: {all: [{kind: rollout}], within: 1m, every: 1s}}, {kind: scale, args: {replicas: 3}}]
    verify: {all: [{kind: rollout}], within: 3m, every: 1s}
- name: etcd-quorum
  source: policies/etcd.yaml:1
  when: ['alertname="EtcdNoQuorum"']
  severity: P1
  mode: observe
  guards: {breaker: {failures: 2, reset: 1h}}
`
