// Asks a Trunkline router: reads a decision, completes, streams, and reads why a call failed.
//
//     npm run example [ADDRESS]
//
// The address is that of TRUNKLINE_ROUTER where none is given, else 127.0.0.1:50051.

import { type CallOptions, type ClientUnaryCall, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { type Completed, RouterServiceClient, type StreamCompleteResponse } from "../gen/trunkline/router/v1/router_service.js";
import { AttemptKind, CallError, FailureClass } from "../gen/trunkline/types/v1/attempt.js";
import { CompletionRequest, Role } from "../gen/trunkline/types/v1/chat.js";
import { Sensitivity, Task } from "../gen/trunkline/types/v1/classification.js";
import type { Decision } from "../gen/trunkline/types/v1/decision.js";
import { StatusDetails } from "../gen/trunkline/types/v1/status.js";

// With several routers behind one name, calls go to all in turn. (grpc-js does not know healthCheckConfig yet: it
// leaves a router that is stopping when that one closes the connection.)
const SERVICE_CONFIG = JSON.stringify({
  loadBalancingConfig: [{ round_robin: {} }],
  healthCheckConfig: { serviceName: "trunkline.router.v1.RouterService" },
});
const TIMEOUT_MILLISECONDS = 60_000;

const CALL_ERROR = "trunkline.types.v1.CallError";

/** A unary method of a generated client. */
type Unary<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

const withDeadline = (): CallOptions => ({ deadline: Date.now() + TIMEOUT_MILLISECONDS });

async function main(): Promise<void> {
  const address = process.argv[2] ?? process.env.TRUNKLINE_ROUTER ?? "127.0.0.1:50051";
  // One client for the whole program: its connection is shared by all calls and comes back by itself.
  const client = new RouterServiceClient(address, credentials.createInsecure(), {
    "grpc.service_config": SERVICE_CONFIG,
    "grpc.enable_retries": 0, // the router retries, and knows what was tried
  });
  try {
    const decision = await route(client);
    await complete(client);
    await stream(client);
    await fail(client, decision);
  } finally {
    client.close();
  }
}

/** Shows which targets would be tried, and why; nothing is sent to any provider. */
async function route(client: RouterServiceClient): Promise<Decision> {
  const request = { completion: question("Why is the sky blue?") };
  const { decision } = await unary(client.route.bind(client), request);
  if (!decision) throw new Error("the router sent no decision");
  console.log(`decided: profile ${decision.profile}, ${Task[decision.classification?.task ?? Task.UNSPECIFIED]}`);
  for (const { target, score } of decision.candidates) console.log(`  candidate ${target}, score ${score.toFixed(2)}`);
  for (const { target, filter, reason } of decision.rejections) {
    console.log(`  rejected ${target} by ${filter}: ${reason}`);
  }
  console.log(`  plan ${decision.plan.join(", ")}`);
  return decision;
}

/** Asks for a whole answer. */
async function complete(client: RouterServiceClient): Promise<void> {
  const request = { completion: question("Why is the sky blue?") };
  const { text, completed } = await unary(client.complete.bind(client), request);
  console.log(`completed: ${text}`);
  if (completed) show(completed);
}

/** Shows an answer as it comes. It is whole only when `completed` arrived and the stream ended without an error. */
async function stream(client: RouterServiceClient): Promise<void> {
  const call = client.streamComplete({ completion: question("Tell me a story.") }, withDeadline());
  let completed: Completed | undefined;
  process.stdout.write("streamed: ");
  // Leaving the loop early cancels the call, at the provider too.
  for await (const { event } of call as AsyncIterable<StreamCompleteResponse>) {
    if (event?.$case === "textDelta") process.stdout.write(event.value);
    else if (event?.$case === "completed") completed = event.value;
  }
  console.log();
  if (!completed) throw new Error("the stream ended before the answer did");
  show(completed);
}

/**
 * Makes the plan's targets fail and shows what the router tried. Simulated providers act the fault out; a real one
 * refuses the unknown option.
 */
async function fail(client: RouterServiceClient, decision: Decision): Promise<void> {
  const completion = question("Why is the sky blue?");
  for (const target of decision.plan) {
    const backend = target.slice(0, target.indexOf("/"));
    completion.providerOptions[backend] = JSON.stringify({ trunkline_sim: { fault: "unsupported_parameter" } });
  }
  try {
    await unary(client.complete.bind(client), { completion });
  } catch (error) {
    const callError = callErrorOf(error as ServiceError);
    if (!callError) throw error; // it came from the way to the router, not from the router
    console.log(`failed: ${status[(error as ServiceError).code]}, reason ${callError.reason}`);
    for (const { number, kind, target, failureClass, failureMessage } of callError.attempts) {
      console.log(
        `  attempt ${number} (${AttemptKind[kind]}) ${target}: ${FailureClass[failureClass]}, ${failureMessage}`,
      );
    }
    return;
  }
  throw new Error("a call that should have failed was answered");
}

/** The router's own account of a failure; undefined where it came from the way to the router. */
function callErrorOf(error: ServiceError): CallError | undefined {
  const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (!Buffer.isBuffer(bytes)) return undefined;
  const detail = StatusDetails.decode(bytes).details.find(({ typeUrl }) => typeUrl.endsWith(`/${CALL_ERROR}`));
  return detail && CallError.decode(detail.value);
}

/** A unary call with a deadline, as a promise. */
function unary<Request, Response>(method: Unary<Request, Response>, request: Request): Promise<Response> {
  return new Promise((resolve, reject) => {
    method(request, new Metadata(), withDeadline(), (error, response) => (error ? reject(error) : resolve(response)));
  });
}

/** A request with one message of the user. */
function question(text: string): CompletionRequest {
  return CompletionRequest.fromPartial({
    messages: [{ role: Role.USER, content: [{ part: { $case: "text", value: text } }] }],
    routing: { sensitivity: Sensitivity.PUBLIC },
  });
}

function show({ target, attempts, usage, costNanodollars }: Completed): void {
  const tokens = usage?.outputTokens ?? 0n;
  console.log(`  by ${target} in ${attempts.length} attempts, ${tokens} tokens, ${costNanodollars} nano-dollars`);
}

main().catch((error: unknown) => {
  console.error(`example: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
