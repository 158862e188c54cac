; ModuleID = "relu"
target triple = "x86_64-unknown-linux-gnu"
target datalayout = ""

define void @"relu"(ptr %".1", i64 %".2", i64 %".3", ptr %".4") nounwind
{
entry:
  br label %"body"
body:
  %".7" = getelementptr inbounds ptr, ptr %".1", i64 0
  %".8" = load ptr, ptr %".7"
  %".9" = getelementptr inbounds ptr, ptr %".1", i64 1
  %".10" = load ptr, ptr %".9"
  %".11" = mul nsw i64 %".2", 4
  %".12" = udiv i64 %".11", %".3"
  %".13" = add nsw i64 %".2", 1
  %".14" = mul nsw i64 %".13", 4
  %".15" = udiv i64 %".14", %".3"
  %".16" = icmp slt i64 %".12", %".15"
  br i1 %".16", label %"loop", label %"done"
loop:
  %".18" = phi  i64 [%".12", %"body"], [%".70", %"done.1"]
  %".19" = udiv i64 %".18", 4
  %".20" = urem i64 %".18", 4
  %".21" = mul nsw i64 %".19", 128
  %".22" = mul nsw i64 %".20", 32
  %".23" = add nsw i64 %".21", %".22"
  %".24" = getelementptr inbounds float, ptr %".8", i64 %".23"
  %".25" = getelementptr inbounds float, ptr %".24", i64 0
  %".26" = load <8 x float>, ptr %".25", align 4
  %".27" = getelementptr inbounds float, ptr %".25", i64 8
  %".28" = load <8 x float>, ptr %".27", align 4
  %".29" = getelementptr inbounds float, ptr %".25", i64 16
  %".30" = load <8 x float>, ptr %".29", align 4
  %".31" = getelementptr inbounds float, ptr %".25", i64 24
  %".32" = load <8 x float>, ptr %".31", align 4
  %".33" = mul nsw i64 %".19", 128
  %".34" = mul nsw i64 %".20", 32
  %".35" = add nsw i64 %".33", %".34"
  %".36" = getelementptr inbounds float, ptr %".10", i64 %".35"
  %".37" = fcmp ogt <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, %".26"
  %".38" = select  <8 x i1> %".37", <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, <8 x float> %".26"
  store <8 x float> %".38", ptr %".36", align 4
  %".40" = fcmp ogt <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, %".28"
  %".41" = select  <8 x i1> %".40", <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, <8 x float> %".28"
  %".42" = getelementptr inbounds float, ptr %".36", i64 8
  store <8 x float> %".41", ptr %".42", align 4
  %".44" = fcmp ogt <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, %".30"
  %".45" = select  <8 x i1> %".44", <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, <8 x float> %".30"
  %".46" = getelementptr inbounds float, ptr %".36", i64 16
  store <8 x float> %".45", ptr %".46", align 4
  %".48" = fcmp ogt <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, %".32"
  %".49" = select  <8 x i1> %".48", <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, <8 x float> %".32"
  %".50" = getelementptr inbounds float, ptr %".36", i64 24
  store <8 x float> %".49", ptr %".50", align 4
  %".52" = icmp slt i64 4, 4
  br i1 %".52", label %"loop.1", label %"done.1"
done:
  ret void
loop.1:
  %".54" = phi  i64 [4, %"loop"], [%".67", %"loop.1"]
  %".55" = mul nsw i64 %".54", 8
  %".56" = getelementptr inbounds float, ptr %".24", i64 %".55"
  %".57" = load <8 x float>, ptr %".56", align 4
  %".58" = mul nsw i64 %".19", 128
  %".59" = mul nsw i64 %".20", 32
  %".60" = add nsw i64 %".58", %".59"
  %".61" = mul nsw i64 %".54", 8
  %".62" = add nsw i64 %".60", %".61"
  %".63" = getelementptr inbounds float, ptr %".10", i64 %".62"
  %".64" = fcmp ogt <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, %".57"
  %".65" = select  <8 x i1> %".64", <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, <8 x float> %".57"
  store <8 x float> %".65", ptr %".63", align 4
  %".67" = add nsw i64 %".54", 1
  %".68" = icmp slt i64 %".67", 4
  br i1 %".68", label %"loop.1", label %"done.1"
done.1:
  %".70" = add nsw i64 %".18", 1
  %".71" = icmp slt i64 %".70", %".15"
  br i1 %".71", label %"loop", label %"done"
}
