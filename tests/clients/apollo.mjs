// The journey through Apollo's client.
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { cookies, journey } from "./journey.mjs";

const clients = {};
for (const [who, Cookie] of Object.entries(cookies)) {
  clients[who] = new ApolloClient({
    cache: new InMemoryCache(),
    link: new HttpLink({ uri: process.argv[2], headers: { Cookie } }),
  });
}

await journey(async (who, text, variables) => {
  const document = gql(text);
  const { data, error } = text.startsWith("query")
    ? await clients[who].query({ query: document, variables, fetchPolicy: "network-only" })
    : await clients[who].mutate({ mutation: document, variables });
  if (error) throw error;
  return data;
});
