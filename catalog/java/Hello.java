import java.nio.charset.Charset;
import java.time.Instant;
import java.time.ZoneId;
import java.util.Arrays;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/** The program in hello.jar, with which the image is tested: javac --release 21. */
public class Hello {
    public static void main(String[] arguments) throws Exception {
        System.out.println("hello " + Arrays.toString(arguments));
        System.out.println("encoding " + Charset.defaultCharset());
        System.out.println("zone " + ZoneId.of("Europe/Berlin").getRules().getOffset(Instant.parse("2026-07-01T12:00:00Z")));
        var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init((java.security.KeyStore) null);
        var manager = (X509TrustManager) factory.getTrustManagers()[0];
        System.out.println("authorities " + (manager.getAcceptedIssuers().length > 100));
        if (arguments.length == 1 && arguments[0].equals("wait")) {
            Thread.sleep(600_000);
        }
    }
}
