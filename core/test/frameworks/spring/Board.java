package flights;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.support.KafkaHeaders;
import org.springframework.messaging.handler.annotation.Header;
import org.springframework.stereotype.Component;

/** Shows what landed. A flight marked `late` fails the first time, and one marked `lost` always. */
@Component
class Board {
  private final Set<String> failed = ConcurrentHashMap.newKeySet();

  @KafkaListener(topics = "landings", groupId = "board")
  void landed(
      String flight,
      @Header(KafkaHeaders.RECEIVED_PARTITION) int partition,
      @Header(KafkaHeaders.OFFSET) long offset) {
    if (flight.contains("lost") || (flight.contains("late") && failed.add(flight))) {
      throw new IllegalStateException("not on the board: " + flight);
    }
    System.out.println("shown\t" + partition + "\t" + offset + "\t" + flight);
  }

  @KafkaListener(topics = "landings-dlt", groupId = "lost")
  void lost(
      String flight,
      @Header(KafkaHeaders.DLT_ORIGINAL_TOPIC) String topic,
      @Header(KafkaHeaders.DLT_EXCEPTION_MESSAGE) String why) {
    System.out.println("lost\t" + topic + "\t" + flight + "\t" + why);
  }
}
