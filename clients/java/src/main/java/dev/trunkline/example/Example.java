package dev.trunkline.example;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.trunkline.router.v1.CompleteRequest;
import dev.trunkline.router.v1.CompleteResponse;
import dev.trunkline.router.v1.Completed;
import dev.trunkline.router.v1.RouteRequest;
import dev.trunkline.router.v1.RouterServiceGrpc;
import dev.trunkline.router.v1.RouterServiceGrpc.RouterServiceBlockingStub;
import dev.trunkline.router.v1.StreamCompleteRequest;
import dev.trunkline.router.v1.StreamCompleteResponse;
import dev.trunkline.types.v1.Attempt;
import dev.trunkline.types.v1.CallError;
import dev.trunkline.types.v1.Candidate;
import dev.trunkline.types.v1.CompletionRequest;
import dev.trunkline.types.v1.ContentPart;
import dev.trunkline.types.v1.Decision;
import dev.trunkline.types.v1.Message;
import dev.trunkline.types.v1.Rejection;
import dev.trunkline.types.v1.Role;
import dev.trunkline.types.v1.RoutingOptions;
import dev.trunkline.types.v1.Sensitivity;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * Asks a Trunkline router: reads a decision, completes, streams, and reads why a call failed.
 *
 * <p>The address is the first argument, else that of TRUNKLINE_ROUTER, else 127.0.0.1:50051.
 */
public final class Example {
  private static final long TIMEOUT_SECONDS = 60;

  // With several routers behind one name, calls go to all in turn; one that is stopping gets no new calls.
  private static final Map<String, ?> SERVICE_CONFIG =
      Map.of(
          "loadBalancingConfig", List.of(Map.of("round_robin", Map.of())),
          "healthCheckConfig", Map.of("serviceName", "trunkline.router.v1.RouterService"));

  private final RouterServiceBlockingStub router;

  private Example(RouterServiceBlockingStub router) {
    this.router = router;
  }

  public static void main(String[] arguments) throws Exception {
    String address =
        arguments.length > 0
            ? arguments[0]
            : Optional.ofNullable(System.getenv("TRUNKLINE_ROUTER")).orElse("127.0.0.1:50051");
    // One channel for the whole program: it is shared by all threads and connects again by itself.
    ManagedChannel channel =
        Grpc.newChannelBuilder(address, InsecureChannelCredentials.create())
            .defaultServiceConfig(SERVICE_CONFIG)
            .build();
    try {
      Example example = new Example(RouterServiceGrpc.newBlockingStub(channel));
      Decision decision = example.route();
      example.complete();
      example.stream();
      example.fail(decision);
    } catch (StatusRuntimeException failure) {
      System.err.printf("example: %s%n", failure.getMessage());
      System.exit(1);
    } finally {
      channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
  }

  /** Shows which targets would be tried, and why; nothing is sent to any provider. */
  private Decision route() {
    RouteRequest request =
        RouteRequest.newBuilder().setCompletion(question("Why is the sky blue?")).build();
    Decision decision = stub().route(request).getDecision();
    System.out.printf(
        "decided: profile %s, %s%n",
        decision.getProfile(), decision.getClassification().getTask());
    for (Candidate candidate : decision.getCandidatesList()) {
      System.out.printf(
          Locale.ROOT, "  candidate %s, score %.2f%n", candidate.getTarget(), candidate.getScore());
    }
    for (Rejection rejection : decision.getRejectionsList()) {
      System.out.printf(
          "  rejected %s by %s: %s%n",
          rejection.getTarget(), rejection.getFilter(), rejection.getReason());
    }
    System.out.printf("  plan %s%n", String.join(", ", decision.getPlanList()));
    return decision;
  }

  /** Asks for a whole answer. */
  private void complete() {
    CompleteRequest request =
        CompleteRequest.newBuilder().setCompletion(question("Why is the sky blue?")).build();
    CompleteResponse response = stub().complete(request);
    System.out.printf("completed: %s%n", response.getText());
    show(response.getCompleted());
  }

  /**
   * Shows an answer as it comes. It is whole only when {@code completed} arrived and the stream
   * ended without an exception.
   */
  private void stream() {
    StreamCompleteRequest request =
        StreamCompleteRequest.newBuilder().setCompletion(question("Tell me a story.")).build();
    Iterator<StreamCompleteResponse> events = stub().streamComplete(request);
    Completed completed = null;
    System.out.print("streamed: ");
    while (events.hasNext()) {
      StreamCompleteResponse event = events.next();
      switch (event.getEventCase()) {
        case TEXT_DELTA -> System.out.print(event.getTextDelta());
        case COMPLETED -> completed = event.getCompleted();
        default -> {}
      }
    }
    System.out.println();
    if (completed == null) {
      throw new IllegalStateException("the stream ended before the answer did");
    }
    show(completed);
  }

  /**
   * Makes the plan's targets fail and shows what the router tried. Simulated providers act the
   * fault out; a real one refuses the unknown option.
   */
  private void fail(Decision decision) throws InvalidProtocolBufferException {
    CompletionRequest.Builder completion = question("Why is the sky blue?").toBuilder();
    for (String target : decision.getPlanList()) {
      String backend = target.substring(0, target.indexOf('/'));
      completion.putProviderOptions(backend, "{\"trunkline_sim\": {\"fault\": \"unsupported_parameter\"}}");
    }
    try {
      stub().complete(CompleteRequest.newBuilder().setCompletion(completion).build());
    } catch (StatusRuntimeException failure) {
      CallError callError = callError(failure).orElseThrow(() -> failure);
      System.out.printf(
          "failed: %s, reason %s%n", failure.getStatus().getCode(), callError.getReason());
      for (Attempt attempt : callError.getAttemptsList()) {
        System.out.printf(
            "  attempt %d (%s) %s: %s, %s%n",
            attempt.getNumber(),
            attempt.getKind(),
            attempt.getTarget(),
            attempt.getFailureClass(),
            attempt.getFailureMessage());
      }
      return;
    }
    throw new IllegalStateException("a call that should have failed was answered");
  }

  /** The router's own account of a failure; empty where it came from the way to the router. */
  private static Optional<CallError> callError(StatusRuntimeException failure)
      throws InvalidProtocolBufferException {
    for (Any detail : StatusProto.fromThrowable(failure).getDetailsList()) {
      if (detail.is(CallError.class)) {
        return Optional.of(detail.unpack(CallError.class));
      }
    }
    return Optional.empty();
  }

  /** The stub with a deadline for one call. */
  private RouterServiceBlockingStub stub() {
    return router.withDeadlineAfter(TIMEOUT_SECONDS, TimeUnit.SECONDS);
  }

  /** A request with one message of the user. */
  private static CompletionRequest question(String text) {
    return CompletionRequest.newBuilder()
        .addMessages(
            Message.newBuilder()
                .setRole(Role.ROLE_USER)
                .addContent(ContentPart.newBuilder().setText(text)))
        .setRouting(
            RoutingOptions.newBuilder().setSensitivity(Sensitivity.SENSITIVITY_PUBLIC))
        .build();
  }

  private static void show(Completed completed) {
    System.out.printf(
        "  by %s in %d attempts, %d tokens, %d nano-dollars%n",
        completed.getTarget(),
        completed.getAttemptsCount(),
        completed.getUsage().getOutputTokens(),
        completed.getCostNanodollars());
  }
}
