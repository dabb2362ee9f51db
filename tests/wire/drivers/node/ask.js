// Connects with MongoDB's Node driver, found in the folder given first, to the URI given next.
const [folder, uri] = process.argv.slice(2);
const { MongoClient } = require(`${folder}/mongodb`);

async function main() {
  const client = new MongoClient(uri);
  try {
    const admin = client.db("admin");
    console.log((await admin.command({ listWorkspaceDefaults: 1 })).defaultTierSize);
    await admin.command({ startStreamProcessor: "nobody" }).catch((e) => console.log(`${e.code} ${e.codeName}`));
  } finally {
    await client.close();
  }
}

main();
