import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import java.util.HexFormat;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * Two connections with the JVM's own TLS, one after the other, each with several requests for the same path; the second resumes.
 *
 *   HttpsClient CERTIFICATE PORT TLSv1.2|TLSv1.3 SUITE PATH REQUESTS
 *
 * Prints for each connection the version, the suite, whether it resumed, and the SHA-256 of all bodies.
 */
public final class HttpsClient {
    public static void main(String[] arguments) throws Exception {
        SSLContext context = contextThatTrusts(arguments[0]);
        long created = 0;
        for (int connection = 0; connection < 2; ++connection) {
            try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", Integer.parseInt(arguments[1]))) {
                socket.setEnabledProtocols(new String[] {arguments[2]});
                socket.setEnabledCipherSuites(new String[] {arguments[3]});
                socket.startHandshake();
                String digest = get(socket, arguments[4], Integer.parseInt(arguments[5]));
                var session = socket.getSession();
                boolean resumed = session.getCreationTime() == created;
                created = session.getCreationTime();
                System.out.println(session.getProtocol() + " " + session.getCipherSuite() + " " + (resumed ? "resumed" : "full") + " " + digest);
            }
            Thread.sleep(20);  // so that another session would have another time of creation
        }
    }

    static SSLContext contextThatTrusts(String certificate) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream file = new FileInputStream(certificate)) {
            store.setCertificateEntry("server", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    private static String get(SSLSocket socket, String path, int requests) throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        OutputStream out = socket.getOutputStream();
        InputStream in = new BufferedInputStream(socket.getInputStream());
        for (int request = 0; request < requests; ++request) {
            out.write(("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            out.flush();
            int left = 0;
            for (String line = line(in); !line.isEmpty(); line = line(in)) {
                if (line.toLowerCase().startsWith("content-length:")) left = Integer.parseInt(line.substring(15).trim());
            }
            digest.update(in.readNBytes(left));
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static String line(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int octet = in.read(); octet != '\n'; octet = in.read()) {
            if (octet < 0) throw new EOFException();
            if (octet != '\r') line.append((char) octet);
        }
        return line.toString();
    }
}
