// Runs the published audit of GraphQL over HTTP against a server; prints one JSON object.
import { serverAudits } from "graphql-http";

const found = { ok: 0, failed: [] };
for (const audit of serverAudits({ url: process.argv[2], fetchFn: fetch })) {
  const result = await audit.fn();
  if (result.status === "ok") found.ok += 1;
  else found.failed.push(`${result.id} ${result.name}: ${result.reason}`);
}
console.log(JSON.stringify(found));
