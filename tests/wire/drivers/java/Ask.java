import com.mongodb.MongoCommandException;
import com.mongodb.client.MongoClients;
import org.bson.Document;

/** Connects with MongoDB's Java driver to the URI it is given, and lists what sp would. */
class Ask {
    public static void main(String[] arguments) {
        try (var client = MongoClients.create(arguments[0])) {
            var admin = client.getDatabase("admin");
            System.out.println(admin.runCommand(new Document("listWorkspaceDefaults", 1)).get("defaultTierSize"));
            try {
                admin.runCommand(new Document("startStreamProcessor", "nobody"));
            } catch (MongoCommandException e) {
                System.out.println(e.getErrorCode() + " " + e.getErrorCodeName());
            }
        }
    }
}
