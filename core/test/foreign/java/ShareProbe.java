// Apache Kafka's share consumer, driven line by line: `id \t consumer \t command \t argument…` in, `id \t JSON` out.
// Each consumer has its own thread, so that several can poll at the same time. Started as a source file: no build.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

public class ShareProbe {
    private static final class Member {
        final ExecutorService thread = Executors.newSingleThreadExecutor(task -> {
            Thread started = new Thread(task);
            started.setDaemon(true);
            return started;
        });
        final Map<Long, ConsumerRecord<String, String>> polled = new HashMap<>();
        KafkaShareConsumer<String, String> consumer;
        String topic;
    }

    private static final Map<String, Member> members = new HashMap<>();

    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split("\t");
            Member member = members.computeIfAbsent(words[1], name -> new Member());
            member.thread.submit(() -> answer(words[0], member, words));
        }
        System.exit(0);
    }

    private static void answer(String id, Member member, String[] words) {
        String result;
        try {
            result = run(member, words);
        } catch (Throwable problem) {
            result = "{\"error\":\"" + problem.getClass().getSimpleName() + "\"}";
        }
        synchronized (System.out) {
            System.out.println(id + "\t" + result);
        }
    }

    private static String run(Member member, String[] words) {
        switch (words[2]) {
            case "open": {
                Properties settings = new Properties();
                for (int i = 4; i < words.length; i++) {
                    int at = words[i].indexOf('=');
                    settings.put(words[i].substring(0, at), words[i].substring(at + 1));
                }
                member.consumer = new KafkaShareConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
                member.topic = words[3];
                member.consumer.subscribe(List.of(words[3]));
                return "{}";
            }
            case "poll": {
                List<String> told = new ArrayList<>();
                for (ConsumerRecord<String, String> each : member.consumer.poll(Duration.ofMillis(Long.parseLong(words[3])))) {
                    member.polled.put(each.offset(), each);
                    told.add("[" + each.offset() + "," + each.deliveryCount().get() + "]");
                }
                return "{\"records\":[" + String.join(",", told) + "],\"lockMs\":" + member.consumer.acquisitionLockTimeoutMs().orElse(-1) + "}";
            }
            case "acknowledge": {
                AcknowledgeType type = AcknowledgeType.valueOf(words[3]);
                for (int i = 4; i < words.length; i++) {
                    member.consumer.acknowledge(member.polled.get(Long.parseLong(words[i])), type);
                }
                return "{}";
            }
            case "commit": {
                List<String> told = new ArrayList<>();
                member.consumer.commitSync(Duration.ofSeconds(20)).forEach((partition, problem) ->
                    told.add("\"" + problem.map(each -> each.getClass().getSimpleName()).orElse("") + "\""));
                return "{\"commits\":[" + String.join(",", told) + "]}";
            }
            case "close":
                member.consumer.close(Duration.ofSeconds(10));
                return "{}";
            default:
                throw new IllegalArgumentException(words[2]);
        }
    }
}
