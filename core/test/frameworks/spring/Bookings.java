package flights;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.stereotype.Component;

/** Books each landing twice, at its airport and at the airline, in one transaction with its offset. Late ones fail midway, once. */
@Component
class Bookings {
  private final KafkaTemplate<String, String> template;
  private final Set<String> failed = ConcurrentHashMap.newKeySet();

  Bookings(@Qualifier("transactionalTemplate") KafkaTemplate<String, String> template) {
    this.template = template;
  }

  @KafkaListener(topics = "landings", groupId = "bookings", containerFactory = "transactionalFactory")
  void book(ConsumerRecord<String, String> landing) {
    template.send("bookings", landing.key(), "airport " + landing.value());
    if (landing.value().contains("late") && failed.add(landing.value())) {
      template.flush();
      throw new IllegalStateException("half booked: " + landing.value());
    }
    template.send("bookings", "airline", "airline " + landing.value());
  }
}
