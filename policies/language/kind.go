package language

import "strings"

// Kind describes one kind of action or probe.
type Kind struct {
	Name      string
	Doc       string // one line
	Example   string // YAML, as it stands in a list
	Arguments []Argument
	Targets   []string // of an action: the kinds of targets that can have it done
	Rights    []string // what the daemon needs in the cluster for the example, in words
}

// Argument is an argument of a kind.
type Argument struct {
	Name     string
	Type     string // JSON's name for what it takes: string, integer, number, boolean, array, object
	Required bool
}

// Kinds are all kinds of actions and probes.
type Kinds struct{ Actions, Probes []Kind }

// actionExample is a whole file of policies that uses an action.
func actionExample(k Kind) string {
	for _, target := range k.Targets {
		if target == "node" {
			return example("[node]", "node/$node", k.Example, `pods: {selector: "app=shop", min: 2}`+"\n              target: deployment/shop/shop")
		}
		if target != "pod" {
			return example("[namespace]", target+"/$namespace/shop", k.Example, "rollout: $target")
		}
	}
	return example("[namespace, pod]", "pod/$namespace/$pod", k.Example, `pods: {selector: "app=shop", min: 2}`)
}

// probeExample is a whole file of policies that uses a probe.
func probeExample(k Kind) string {
	return example("[namespace]", "deployment/$namespace/shop", "restart: {}", k.Example)
}

func example(per, target, action, probe string) string {
	return strings.NewReplacer("PER", per, "TARGET", target, "ACTION", action, "PROBE", probe).Replace(`policies:
  - name: shop-down
    when: ['alertname="ShopDown"']
    per: PER
    severity: P2
    mode: observe
    target: TARGET
    steps:
      - name: mend the shop
        do:
          - ACTION
        verify:
          all:
            - PROBE
          within: 5m
`)
}
