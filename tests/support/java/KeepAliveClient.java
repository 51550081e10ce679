import java.io.InputStream;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.MessageDigest;
import java.util.HexFormat;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;

/**
 * The JDK's own HTTP clients, as programs use them: gets a file again and again, posts in between, and reuses its connection as it sees fit.
 *
 *   KeepAliveClient CERTIFICATE PORT TLSv1.2|TLSv1.3 HttpClient|HttpsURLConnection PATH SHA-256
 *
 * Prints "answered N" after each 10 requests, until its input ends. Any other answer than the right one ends it with an exception.
 */
public final class KeepAliveClient {
    private interface Asker {
        /** The body of a 200. A body to send makes it a POST. */
        byte[] ask(String path, byte[] body) throws Exception;
    }

    private static String base;

    public static void main(String[] arguments) throws Exception {
        SSLContext context = HttpsClient.contextThatTrusts(arguments[0]);
        base = "https://localhost:" + arguments[1];
        Asker asker = arguments[3].equals("HttpClient") ? ofHttpClient(context, arguments[2]) : ofUrlConnection(context);
        for (int asked = 0; System.in.available() == 0; ) {
            byte[] file = asker.ask(arguments[4], null);
            String digest = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(file));
            if (!digest.equals(arguments[5])) throw new IllegalStateException(file.length + " bytes with " + digest);
            String echo = new String(asker.ask("/echo", new byte[asked % 7 * 5_000 + 1]));
            if (!echo.equals("len=" + (asked % 7 * 5_000 + 1))) throw new IllegalStateException(echo);
            asked += 2;
            if (asked % 10 == 0) System.out.println("answered " + asked);
        }
    }

    private static Asker ofHttpClient(SSLContext context, String version) {
        SSLParameters parameters = new SSLParameters();
        parameters.setProtocols(new String[] {version});
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).sslContext(context).sslParameters(parameters).build();
        return (path, body) -> {
            HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base + path));
            if (body != null) request.POST(HttpRequest.BodyPublishers.ofByteArray(body));
            HttpResponse<byte[]> response = client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
            if (response.statusCode() != 200) throw new IllegalStateException(response.toString());
            return response.body();
        };
    }

    /** Its version comes from the property https.protocols. */
    private static Asker ofUrlConnection(SSLContext context) {
        HttpsURLConnection.setDefaultSSLSocketFactory(context.getSocketFactory());
        return (path, body) -> {
            HttpsURLConnection connection = (HttpsURLConnection) new URL(base + path).openConnection();
            if (body != null) {
                connection.setDoOutput(true);
                connection.setFixedLengthStreamingMode(body.length);
                connection.getOutputStream().write(body);
            }
            try (InputStream in = connection.getInputStream()) {
                return in.readAllBytes();
            }
        };
    }
}
