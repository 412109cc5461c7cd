// Command kubelet plays the nodes and the scheduler of a cluster that runs no container: it registers a node, binds pods to it,
// says that they run, ends them when they are deleted, and serves the kubelet's API for exec, attach, port-forward and logs
// over TLS with Kubernetes' own streaming code. What it does to the API server it does as a node and as the scheduler, so that
// the audit log shows the identities of a real cluster.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

// How often the node says that it lives: well below the controller-manager's grace period of 50 seconds.
const heartbeat = 10 * time.Second

type node struct {
	name            string
	address         string
	port            int32
	client, binding kubernetes.Interface
	addresses       int
	given           map[types.UID]string
}

func connect(path string) kubernetes.Interface {
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		log.Fatal(err)
	}
	config.QPS, config.Burst = 200, 200
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func main() {
	name := flag.String("name", "node-1", "the node's name")
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig of system:node:NAME")
	scheduler := flag.String("scheduler-kubeconfig", "", "kubeconfig of system:kube-scheduler")
	certificate := flag.String("certificate", "", "serving certificate")
	key := flag.String("key", "", "its key")
	flag.Parse()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	var number int32
	fmt.Sscan(port, &number)
	n := &node{name: *name, address: "127.0.0.1", port: number, client: connect(*kubeconfig), binding: connect(*scheduler), given: map[types.UID]string{}}
	go func() { log.Fatal(http.ServeTLS(listener, routes(), *certificate, *key)) }()

	ctx := context.Background()
	if err := n.register(ctx); err != nil {
		log.Fatal(err)
	}
	go n.schedule(ctx)
	go n.run(ctx)
	fmt.Println("ready")
	for {
		time.Sleep(heartbeat)
		if err := n.beat(ctx); err != nil {
			log.Print(err)
		}
	}
}

// register creates the node and says that it is ready.
func (n *node) register(ctx context.Context) error {
	labels := map[string]string{"kubernetes.io/hostname": n.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
	object := &core.Node{ObjectMeta: meta.ObjectMeta{Name: n.name, Labels: labels}}
	if _, err := n.client.CoreV1().Nodes().Create(ctx, object, meta.CreateOptions{}); err != nil {
		return err
	}
	return n.beat(ctx)
}

func (n *node) beat(ctx context.Context) error {
	room := core.ResourceList{
		core.ResourceCPU: resource.MustParse("64"), core.ResourceMemory: resource.MustParse("256Gi"), core.ResourcePods: resource.MustParse("500"),
	}
	status := core.NodeStatus{
		Capacity: room, Allocatable: room,
		Addresses:       []core.NodeAddress{{Type: core.NodeInternalIP, Address: n.address}, {Type: core.NodeHostName, Address: n.name}},
		DaemonEndpoints: core.NodeDaemonEndpoints{KubeletEndpoint: core.DaemonEndpoint{Port: n.port}},
		Conditions: []core.NodeCondition{{
			Type: core.NodeReady, Status: core.ConditionTrue, Reason: "KubeletReady", Message: "a stand-in is posting ready status",
			LastHeartbeatTime: meta.Now(), LastTransitionTime: meta.Now(),
		}},
	}
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return err
	}
	_, err = n.client.CoreV1().Nodes().Patch(ctx, n.name, types.StrategicMergePatchType, patch, meta.PatchOptions{}, "status")
	return err
}

// follow calls act, one at a time, with every pod that the selector matches, whenever it changes.
func follow(ctx context.Context, client kubernetes.Interface, selector fields.Selector, act func(*core.Pod)) {
	watch := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "pods", meta.NamespaceAll, selector)
	_, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: watch,
		ObjectType:    &core.Pod{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { act(object.(*core.Pod)) },
			UpdateFunc: func(_, object any) { act(object.(*core.Pod)) },
		},
	})
	controller.RunWithContext(ctx)
}

// schedule binds every pod that has no node to this one.
func (n *node) schedule(ctx context.Context) {
	follow(ctx, n.binding, fields.OneTermEqualSelector("spec.nodeName", ""), func(pod *core.Pod) {
		if pod.DeletionTimestamp != nil {
			return
		}
		binding := &core.Binding{
			ObjectMeta: meta.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
			Target:     core.ObjectReference{Kind: "Node", Name: n.name},
		}
		if err := n.binding.CoreV1().Pods(pod.Namespace).Bind(ctx, binding, meta.CreateOptions{}); err != nil {
			log.Print(err)
		}
	})
}

// run says of this node's pods that they run, and ends those that are deleted.
func (n *node) run(ctx context.Context) {
	follow(ctx, n.client, fields.OneTermEqualSelector("spec.nodeName", n.name), func(pod *core.Pod) {
		if pod.DeletionTimestamp != nil {
			now := int64(0)
			options := meta.DeleteOptions{GracePeriodSeconds: &now, Preconditions: meta.NewUIDPreconditions(string(pod.UID))}
			err := n.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, options)
			if err != nil {
				log.Print(err)
			}
			return
		}
		if pod.Status.Phase != core.PodPending {
			return
		}
		patch, err := json.Marshal(map[string]any{"status": n.status(pod)})
		if err == nil {
			_, err = n.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, meta.PatchOptions{}, "status")
		}
		if err != nil {
			log.Print(err)
		}
	})
}

// status is that of a running pod, or of one whose work is done where it is not to be started again.
func (n *node) status(pod *core.Pod) core.PodStatus {
	address, known := n.given[pod.UID]
	if !known {
		n.addresses++
		address = fmt.Sprintf("10.64.%d.%d", n.addresses/250, n.addresses%250+1)
		n.given[pod.UID] = address
	}
	now := meta.Now()
	done := pod.Spec.RestartPolicy != core.RestartPolicyAlways
	phase, ready, state := core.PodRunning, core.ConditionTrue, core.ContainerState{Running: &core.ContainerStateRunning{StartedAt: now}}
	if done {
		phase, ready = core.PodSucceeded, core.ConditionFalse
		state = core.ContainerState{Terminated: &core.ContainerStateTerminated{Reason: "Completed", StartedAt: now, FinishedAt: now, ContainerID: "none://" + string(pod.UID)}}
	}
	status := core.PodStatus{
		Phase: phase, HostIP: n.address, PodIP: address, PodIPs: []core.PodIP{{IP: address}}, HostIPs: []core.HostIP{{IP: n.address}}, StartTime: &now,
	}
	for _, condition := range []core.PodConditionType{core.PodReady, core.ContainersReady} {
		status.Conditions = append(status.Conditions, core.PodCondition{Type: condition, Status: ready, LastTransitionTime: now})
	}
	for _, container := range pod.Spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, core.ContainerStatus{
			Name: container.Name, Image: container.Image, ImageID: container.Image, State: state, Ready: !done, ContainerID: "none://" + string(pod.UID) + "/" + container.Name,
		})
	}
	return status
}

// container answers every command with the command itself and every port with a short HTTP response.
type container struct{}

func (container) ExecInContainer(_ context.Context, _, _, _ string, command []string, _ io.Reader, out, _ io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration) error {
	_, err := fmt.Fprintln(out, strings.Join(command, " "))
	return err
}

func (container) AttachContainer(_ context.Context, _, _, _ string, _ io.Reader, out, _ io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize) error {
	_, err := fmt.Fprintln(out, "attached")
	return err
}

func (container) PortForward(_ context.Context, _, _ string, _ int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	if _, err := stream.Read(make([]byte, 4096)); err != nil && err != io.EOF {
		return err
	}
	_, err := io.WriteString(stream, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nforwarded\n")
	return err
}

// routes is the kubelet's API: /exec/NAMESPACE/POD/CONTAINER and its siblings.
func routes() http.Handler {
	mux := http.NewServeMux()
	const idle, create = time.Hour, 30 * time.Second
	commands := func(serve func(http.ResponseWriter, *http.Request, *remotecommand.Options)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			options, err := remotecommand.NewOptions(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			serve(w, r, options)
		}
	}
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", commands(func(w http.ResponseWriter, r *http.Request, options *remotecommand.Options) {
		remotecommand.ServeExec(w, r, container{}, r.PathValue("pod"), "", r.PathValue("container"), r.URL.Query()["command"], options, idle, create, remotecommand.SupportedStreamingProtocols)
	}))
	mux.HandleFunc("/attach/{namespace}/{pod}/{container}", commands(func(w http.ResponseWriter, r *http.Request, options *remotecommand.Options) {
		remotecommand.ServeAttach(w, r, container{}, r.PathValue("pod"), "", r.PathValue("container"), options, idle, create, remotecommand.SupportedStreamingProtocols)
	}))
	mux.HandleFunc("/portForward/{namespace}/{pod}", func(w http.ResponseWriter, r *http.Request) {
		options, err := portforward.NewV4Options(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		portforward.ServePortForward(w, r, container{}, r.PathValue("pod"), "", options, idle, create, portforward.SupportedProtocols)
	})
	mux.HandleFunc("/containerLogs/{namespace}/{pod}/{container}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "a line of %s\n", r.PathValue("container"))
	})
	return mux
}
