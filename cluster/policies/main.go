// The engine that enforces NetworkPolicies on one node: sigs.k8s.io/kube-network-policies, started with a kubeconfig.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig of a user who may list and watch pods, namespaces and networkpolicies")
	node := flag.String("node", "", "name of the node whose pods are protected")
	klog.InitFlags(nil)
	flag.Parse()
	if err := run(*kubeconfig, *node); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run enforces policies until the process is told to end; it then removes its rules.
func run(kubeconfig, node string) error {
	if kubeconfig == "" || node == "" {
		return fmt.Errorf("-kubeconfig and -node are needed")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	config.ContentType = "application/vnd.kubernetes.protobuf"
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	shared := informers.NewSharedInformerFactory(clients, 0)
	controller, err := networkpolicy.NewController(
		clients,
		shared.Networking().V1().NetworkPolicies(),
		shared.Core().V1().Namespaces(),
		shared.Core().V1().Pods(),
		// No node, no client and no informers of the admin's policies, which are not served.
		nil, nil, nil, nil,
		// The container runtime of the machine itself must not be asked for pods.
		networkpolicy.Config{NodeName: node, NRIdisabled: true},
	)
	if err != nil {
		return err
	}
	shared.Start(ctx.Done())
	return controller.Run(ctx)
}
