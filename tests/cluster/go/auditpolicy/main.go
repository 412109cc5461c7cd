// The judge of audit policies: Kubernetes' own loader and rules, offline.
//
//	auditpolicy FILE   JSON lines in, JSON lines out: {"verb", "apiGroup", "resource", "subresource", "namespace", "name"} or
//	                   {"verb", "path"} to the level at which such a request is recorded
//
// A policy with an unknown field is an error here; an API server would only warn.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/apis/audit/install"
	"k8s.io/apiserver/pkg/audit/policy"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

type question struct {
	Verb, APIGroup, Resource, Subresource, Namespace, Name string
	Path                                                   string
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	must(err)
	scheme := runtime.NewScheme()
	install.Install(scheme)
	strict := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDecoder()
	_, _, err = strict.Decode(text, nil, &auditinternal.Policy{})
	must(err)
	loaded, err := policy.LoadPolicyFromBytes(text)
	must(err)
	evaluator := policy.NewPolicyRuleEvaluator(loaded)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for decoder := json.NewDecoder(os.Stdin); decoder.More(); {
		var one question
		must(decoder.Decode(&one))
		answer := evaluator.EvaluatePolicyRule(authorizer.AttributesRecord{
			Verb: one.Verb, APIGroup: one.APIGroup, Resource: one.Resource, Subresource: one.Subresource,
			Namespace: one.Namespace, Name: one.Name, Path: one.Path, ResourceRequest: one.Path == "",
		})
		must(json.NewEncoder(out).Encode(answer.Level))
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
