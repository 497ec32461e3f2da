// Command example asks a Trunkline router: it reads a decision, completes, streams, and reads why a call failed.
//
//	go run ./example [ADDRESS]
//
// The address is that of TRUNKLINE_ROUTER where none is given, else 127.0.0.1:50051.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // without it, a channel ignores healthCheckConfig
	"google.golang.org/grpc/status"

	routerv1 "trunkline.dev/go/router/v1"
	typesv1 "trunkline.dev/go/types/v1"
)

// With several routers behind one name, calls go to all in turn; one that is stopping gets no new calls.
const serviceConfig = `{
  "loadBalancingConfig": [{"round_robin": {}}],
  "healthCheckConfig": {"serviceName": "trunkline.router.v1.RouterService"}
}`

const timeout = 60 * time.Second

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatalf("example: %v", err)
	}
}

func run() error {
	address := cmp.Or(os.Getenv("TRUNKLINE_ROUTER"), "127.0.0.1:50051")
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	// One connection for the whole program: it is shared by all goroutines and connects again by itself.
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(serviceConfig))
	if err != nil {
		return err
	}
	defer conn.Close()
	client := routerv1.NewRouterServiceClient(conn)

	decision, err := route(client)
	if err != nil {
		return err
	}
	if err := complete(client); err != nil {
		return err
	}
	if err := stream(client); err != nil {
		return err
	}
	return fail(client, decision)
}

// route shows which targets would be tried, and why; nothing is sent to any provider.
func route(client routerv1.RouterServiceClient) (*typesv1.Decision, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	response, err := client.Route(ctx, &routerv1.RouteRequest{Completion: question("Why is the sky blue?")})
	if err != nil {
		return nil, err
	}
	decision := response.GetDecision()
	fmt.Printf("decided: profile %s, %s\n", decision.GetProfile(), decision.GetClassification().GetTask())
	for _, candidate := range decision.GetCandidates() {
		fmt.Printf("  candidate %s, score %.2f\n", candidate.GetTarget(), candidate.GetScore())
	}
	for _, rejection := range decision.GetRejections() {
		fmt.Printf("  rejected %s by %s: %s\n", rejection.GetTarget(), rejection.GetFilter(), rejection.GetReason())
	}
	fmt.Printf("  plan %s\n", strings.Join(decision.GetPlan(), ", "))
	return decision, nil
}

// complete asks for a whole answer.
func complete(client routerv1.RouterServiceClient) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	response, err := client.Complete(ctx, &routerv1.CompleteRequest{Completion: question("Why is the sky blue?")})
	if err != nil {
		return err
	}
	fmt.Printf("completed: %s\n", response.GetText())
	showCompleted(response.GetCompleted())
	return nil
}

// stream shows an answer as it comes. It is whole only when `completed` arrived and the stream ended without an error.
func stream(client routerv1.RouterServiceClient) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel() // leaving early ends the call, at the provider too
	events, err := client.StreamComplete(ctx, &routerv1.StreamCompleteRequest{Completion: question("Tell me a story.")})
	if err != nil {
		return err
	}
	fmt.Print("streamed: ")
	var completed *routerv1.Completed
	for {
		event, err := events.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch event := event.GetEvent().(type) {
		case *routerv1.StreamCompleteResponse_TextDelta:
			fmt.Print(event.TextDelta)
		case *routerv1.StreamCompleteResponse_Completed:
			completed = event.Completed
		}
	}
	fmt.Println()
	if completed == nil {
		return errors.New("the stream ended before the answer did")
	}
	showCompleted(completed)
	return nil
}

// fail makes the plan's targets fail and shows what the router tried. Simulated providers act the fault out; a real
// one refuses the unknown option.
func fail(client routerv1.RouterServiceClient, decision *typesv1.Decision) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	completion := question("Why is the sky blue?")
	completion.ProviderOptions = map[string]string{}
	for _, target := range decision.GetPlan() {
		backend, _, _ := strings.Cut(target, "/")
		completion.ProviderOptions[backend] = `{"trunkline_sim": {"fault": "unsupported_parameter"}}`
	}
	_, err := client.Complete(ctx, &routerv1.CompleteRequest{Completion: completion})
	if err == nil {
		return errors.New("a call that should have failed was answered")
	}
	failure := status.Convert(err)
	for _, detail := range failure.Details() {
		if callError, ok := detail.(*typesv1.CallError); ok {
			fmt.Printf("failed: %s, reason %s\n", failure.Code(), callError.GetReason())
			for _, attempt := range callError.GetAttempts() {
				fmt.Printf("  attempt %d (%s) %s: %s, %s\n", attempt.GetNumber(), attempt.GetKind(),
					attempt.GetTarget(), attempt.GetFailureClass(), attempt.GetFailureMessage())
			}
			return nil
		}
	}
	return err // it came from the way to the router, not from the router
}

// question is a request with one message of the user.
func question(text string) *typesv1.CompletionRequest {
	return &typesv1.CompletionRequest{
		Messages: []*typesv1.Message{{
			Role:    typesv1.Role_ROLE_USER,
			Content: []*typesv1.ContentPart{{Part: &typesv1.ContentPart_Text{Text: text}}},
		}},
		Routing: &typesv1.RoutingOptions{Sensitivity: typesv1.Sensitivity_SENSITIVITY_PUBLIC},
	}
}

func showCompleted(completed *routerv1.Completed) {
	fmt.Printf("  by %s in %d attempts, %d tokens, %d nano-dollars\n", completed.GetTarget(),
		len(completed.GetAttempts()), completed.GetUsage().GetOutputTokens(), completed.GetCostNanodollars())
}
