// The RBAC judge: Kubernetes' own authorizer over the objects it is given, offline.
//
//	rbac              JSON lines in, JSON lines out: {"objects": [...], "questions": [...]} to {"answers": "an..", "reasons": [...]}
//	rbac -bootstrap   one JSON line of every object that an API server of this version keeps up by itself
//	rbac -json        YAML documents in, one JSON line of all of them out, as Kubernetes reads YAML
//
// An answer is `a` (allow) or `n` (no opinion, which ends as a refusal where RBAC is asked last).
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/kubernetes/pkg/registry/rbac/validation"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

type question struct {
	User                                                   string
	Groups                                                 []string
	Verb, APIGroup, Resource, Subresource, Namespace, Name string
	// Set for a non-resource request, in which case only User, Groups and Verb are read beside it.
	Path *string
}

type batch struct {
	Objects   []json.RawMessage
	Questions []question
}

type answers struct {
	Answers string   `json:"answers"`
	Reasons []string `json:"reasons"`
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	if len(os.Args) == 2 && os.Args[1] == "-bootstrap" {
		write(out, bootstrap())
		return
	}
	if len(os.Args) == 2 && os.Args[1] == "-json" {
		write(out, documents(os.Stdin))
		return
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	for decoder := json.NewDecoder(in); decoder.More(); {
		var one batch
		must(decoder.Decode(&one))
		write(out, judge(one))
	}
}

func judge(one batch) answers {
	var (
		roles               []*rbacv1.Role
		clusterRoles        []*rbacv1.ClusterRole
		roleBindings        []*rbacv1.RoleBinding
		clusterRoleBindings []*rbacv1.ClusterRoleBinding
	)
	for _, raw := range one.Objects {
		var head struct{ Kind string }
		must(json.Unmarshal(raw, &head))
		switch head.Kind {
		case "Role":
			roles = append(roles, decoded[rbacv1.Role](raw))
		case "ClusterRole":
			clusterRoles = append(clusterRoles, decoded[rbacv1.ClusterRole](raw))
		case "RoleBinding":
			roleBindings = append(roleBindings, decoded[rbacv1.RoleBinding](raw))
		case "ClusterRoleBinding":
			clusterRoleBindings = append(clusterRoleBindings, decoded[rbacv1.ClusterRoleBinding](raw))
		default:
			must(fmt.Errorf("kind %q", head.Kind))
		}
	}
	_, static := validation.NewTestRuleResolver(roles, roleBindings, clusterRoles, clusterRoleBindings)
	judge := rbac.New(static, static, static, static)
	found, letters := answers{Reasons: []string{}}, make([]byte, 0, len(one.Questions))
	for _, asked := range one.Questions {
		attributes := authorizer.AttributesRecord{
			User: &user.DefaultInfo{Name: asked.User, Groups: asked.Groups},
			Verb: asked.Verb, APIGroup: asked.APIGroup, Resource: asked.Resource, Subresource: asked.Subresource,
			Namespace: asked.Namespace, Name: asked.Name, ResourceRequest: asked.Path == nil,
		}
		if asked.Path != nil {
			attributes.Path = *asked.Path
		}
		decision, reason, err := judge.Authorize(context.Background(), attributes)
		must(err)
		letter := byte('n')
		if decision == authorizer.DecisionAllow {
			letter = 'a'
		}
		letters, found.Reasons = append(letters, letter), append(found.Reasons, reason)
	}
	found.Answers = string(letters)
	return found
}

// Feature gates are at their defaults.
func bootstrap() []any {
	var all []any
	for _, role := range append(bootstrappolicy.ClusterRoles(), bootstrappolicy.ControllerRoles()...) {
		role.Kind, role.APIVersion = "ClusterRole", rbacv1.SchemeGroupVersion.String()
		all = append(all, role)
	}
	for _, binding := range append(bootstrappolicy.ClusterRoleBindings(), bootstrappolicy.ControllerRoleBindings()...) {
		binding.Kind, binding.APIVersion = "ClusterRoleBinding", rbacv1.SchemeGroupVersion.String()
		all = append(all, binding)
	}
	for _, roles := range bootstrappolicy.NamespaceRoles() {
		for _, role := range roles {
			role.Kind, role.APIVersion = "Role", rbacv1.SchemeGroupVersion.String()
			all = append(all, role)
		}
	}
	for _, bindings := range bootstrappolicy.NamespaceRoleBindings() {
		for _, binding := range bindings {
			binding.Kind, binding.APIVersion = "RoleBinding", rbacv1.SchemeGroupVersion.String()
			all = append(all, binding)
		}
	}
	return all
}

func documents(in io.Reader) []json.RawMessage {
	all := []json.RawMessage{}
	for decoder := yaml.NewYAMLToJSONDecoder(in); ; {
		var one json.RawMessage
		err := decoder.Decode(&one)
		if errors.Is(err, io.EOF) {
			return all
		}
		must(err)
		if len(one) > 0 && string(one) != "null" {
			all = append(all, one)
		}
	}
}

func decoded[T any](raw []byte) *T {
	object := new(T)
	must(json.Unmarshal(raw, object))
	return object
}

func write(out *bufio.Writer, value any) {
	line, err := json.Marshal(value)
	must(err)
	_, err = out.Write(append(line, '\n'))
	must(err)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
