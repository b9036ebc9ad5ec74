package flights;

import org.apache.kafka.clients.admin.NewTopic;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.kafka.autoconfigure.KafkaProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.kafka.config.ConcurrentKafkaListenerContainerFactory;
import org.springframework.kafka.config.TopicBuilder;
import org.springframework.kafka.core.ConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.KafkaAdmin;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.core.ProducerFactory;
import org.springframework.kafka.listener.DeadLetterPublishingRecoverer;
import org.springframework.kafka.listener.DefaultAfterRollbackProcessor;
import org.springframework.kafka.listener.DefaultErrorHandler;
import org.springframework.kafka.transaction.KafkaTransactionManager;
import org.springframework.util.backoff.FixedBackOff;

/**
 * A Spring Boot application as its users write it: it announces flights that landed, shows them on a board, and books them in
 * transactions. Topics are its own to create. Nothing in it knows which broker it talks to; application.properties stands beside it.
 */
@SpringBootApplication
public class FlightsApplication {
  /** A record is given to its listener once, and so many times again. */
  private static final int RETRIES = 2;

  private static final long RETRY_AFTER_MS = 20;

  public static void main(String[] args) {
    SpringApplication.run(FlightsApplication.class, args);
  }

  @Bean
  KafkaAdmin.NewTopics topics() {
    return new KafkaAdmin.NewTopics(
        topic("landings"), topic("landings-dlt"), topic("bookings"), topic("shifts"));
  }

  private static NewTopic topic(String name) {
    return TopicBuilder.name(name).partitions(2).replicas(1).build();
  }

  @Bean
  ProducerFactory<String, String> producers(KafkaProperties properties) {
    return new DefaultKafkaProducerFactory<>(properties.buildProducerProperties());
  }

  @Bean
  ProducerFactory<String, String> transactionalProducers(KafkaProperties properties) {
    var factory = new DefaultKafkaProducerFactory<String, String>(properties.buildProducerProperties());
    factory.setTransactionIdPrefix("flights-");
    return factory;
  }

  @Bean
  KafkaTemplate<String, String> template(@Qualifier("producers") ProducerFactory<String, String> producers) {
    return new KafkaTemplate<>(producers);
  }

  @Bean
  KafkaTemplate<String, String> transactionalTemplate(
      @Qualifier("transactionalProducers") ProducerFactory<String, String> producers) {
    return new KafkaTemplate<>(producers);
  }

  @Bean
  KafkaTransactionManager<String, String> transactions(
      @Qualifier("transactionalProducers") ProducerFactory<String, String> producers) {
    return new KafkaTransactionManager<>(producers);
  }

  /** Listeners whose failures are retried, and then published to the dead letter topic with the reason in headers. */
  @Bean
  ConcurrentKafkaListenerContainerFactory<Object, Object> kafkaListenerContainerFactory(
      ConsumerFactory<Object, Object> consumers, @Qualifier("template") KafkaTemplate<String, String> template) {
    var factory = new ConcurrentKafkaListenerContainerFactory<Object, Object>();
    factory.setConsumerFactory(consumers);
    factory.setConcurrency(2);
    factory.setCommonErrorHandler(
        new DefaultErrorHandler(
            new DeadLetterPublishingRecoverer(template), new FixedBackOff(RETRY_AFTER_MS, RETRIES)));
    return factory;
  }

  /** Listeners whose sends and whose offset are one transaction for each record. */
  @Bean
  ConcurrentKafkaListenerContainerFactory<Object, Object> transactionalFactory(
      ConsumerFactory<Object, Object> consumers, KafkaTransactionManager<String, String> transactions) {
    var factory = new ConcurrentKafkaListenerContainerFactory<Object, Object>();
    factory.setConsumerFactory(consumers);
    factory.setConcurrency(2);
    factory.getContainerProperties().setKafkaAwareTransactionManager(transactions);
    factory.setAfterRollbackProcessor(
        new DefaultAfterRollbackProcessor<>(new FixedBackOff(RETRY_AFTER_MS, RETRIES)));
    return factory;
  }
}
