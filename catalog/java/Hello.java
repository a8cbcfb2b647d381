import java.awt.Color;
import java.awt.Font;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.Charset;
import java.time.Instant;
import java.time.ZoneId;
import java.util.Arrays;
import javax.imageio.ImageIO;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/** The program in hello.jar, with which the image is tested: javac --release 21, or 17. */
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
        draw();
        start();
    }

    /** Starts a program, and asks for a shell. */
    private static void start() throws Exception {
        var java = System.getProperty("java.home") + "/bin/java";
        var process = new ProcessBuilder(java, "-version").redirectErrorStream(true).start();
        var output = new String(process.getInputStream().readAllBytes(), Charset.defaultCharset());
        System.out.println("started " + output.contains("OpenJDK") + " " + process.waitFor());
        try {
            System.out.println("a shell ended with " + new ProcessBuilder("sh", "-c", "exit 3").start().waitFor());
        } catch (IOException error) {
            System.out.println("refused: " + error.getMessage());
        }
    }

    /** Draws letters of three fonts and reads them back from PNG and JPEG. */
    private static void draw() throws Exception {
        for (var name : new String[] {Font.SANS_SERIF, Font.SERIF, Font.MONOSPACED}) {
            var image = new BufferedImage(200, 40, BufferedImage.TYPE_INT_RGB);
            var graphics = image.createGraphics();
            graphics.setFont(new Font(name, Font.BOLD, 24));
            graphics.setColor(Color.WHITE);
            graphics.drawString("kiln \u00df\u0416", 4, 30);
            for (var format : new String[] {"png", "jpeg"}) {
                var bytes = new ByteArrayOutputStream();
                ImageIO.write(image, format, bytes);
                var read = ImageIO.read(new ByteArrayInputStream(bytes.toByteArray()));
                var bright = 0;
                for (var x = 0; x < read.getWidth(); x++) {
                    for (var y = 0; y < read.getHeight(); y++) {
                        bright += (read.getRGB(x, y) & 0xff) > 0x80 ? 1 : 0;
                    }
                }
                System.out.println(name + " " + format + " " + (bright > 300));
            }
        }
    }
}
