// The journey through urql's client.
import { Client, cacheExchange, fetchExchange, gql } from "@urql/core";
import { cookies, journey } from "./journey.mjs";

const clients = {};
for (const [who, Cookie] of Object.entries(cookies)) {
  clients[who] = new Client({
    url: process.argv[2],
    exchanges: [cacheExchange, fetchExchange],
    preferGetMethod: false,
    fetchOptions: { headers: { Cookie } },
  });
}

await journey(async (who, text, variables) => {
  const document = gql(text);
  const isQuery = text.startsWith("query");
  const context = { requestPolicy: "network-only" };
  const asked = isQuery
    ? clients[who].query(document, variables, context)
    : clients[who].mutation(document, variables);
  const { data, error } = await asked.toPromise();
  if (error) throw error;
  return data;
});
